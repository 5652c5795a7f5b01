"""What the INI may say of webhooks, and the sentence for what it may not."""

from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.settings import read_settings
from mlserve.webhooks.declared import Webhook, declared, rules_of

HERE = Path("/etc/mlserve")
OPS = "mlserve.webhooks.ops"
GOOD = {OPS: "https://example.com/t0ken", f"{OPS}.secret": "ops.secret"}


def refusal(raw: dict[str, str], environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        settings = read_settings(raw, environ or {}, HERE)
        settings.refuse_unknown({})
        declared(settings)
    return caught.value.detail


def test_webhooks_come_from_the_ini_and_the_environment() -> None:
    raw = {**GOOD, f"{OPS}.events": "alias_moved, alias_removed", "mlserve.webhooks.on-call.secret": "other"}
    environ = {
        "MLSERVE__WEBHOOKS__ON_CALL": "http://[::1]:8080/",
        "MLSERVE__WEBHOOKS__ON_CALL__MODELS": "flight-delay",
        "MLSERVE__WEBHOOKS__OPS__SECRET": "/run/secret",
    }
    settings = read_settings(raw, environ, HERE)
    settings.refuse_unknown({})
    assert declared(settings) == (
        Webhook("ops", "https://example.com/t0ken", Path("/run/secret"), ("alias_moved", "alias_removed"), ()),
        Webhook("on-call", "http://[::1]:8080/", HERE / "other", (), ("flight-delay",)),
    )
    assert "t0ken" not in repr(declared(settings))
    assert rules_of(settings).give_up == 5 * 86400
    assert declared(read_settings({}, {}, HERE)) == ()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({OPS: ""}, f"{OPS} is empty: write"),
        ({OPS: "ftp://example.com/t0ken"}, "write a URL that begins https:// or http://"),
        ({OPS: "https:///t0ken"}, f"{OPS} is not a URL: write one as https://host/path."),
        ({OPS: "https://example.com:0/"}, f"{OPS} is not a URL"),
        ({OPS: "https://example.com:99999/"}, f"{OPS} is not a URL"),
        ({OPS: "https://[::1/"}, f"{OPS} is not a URL"),
        ({OPS: "https://hooks..example.com/"}, f"{OPS} is not a URL"),
        ({OPS: f"https://{'x' * 64}.example.com/"}, f"{OPS} is not a URL"),
        ({OPS: "https://example.com/a b"}, f"{OPS} is not a URL"),
        ({OPS: "https://ann:s3cret@example.com/"}, f"{OPS} holds a user or a password"),
        ({OPS: "https://example.com/#part"}, "a part behind #"),
        ({OPS: "http://example.com/"}, "set mlserve.delivery.plain_http = true"),
        ({OPS: "http://127.0.0.1.example.com/"}, "set mlserve.delivery.plain_http = true"),
        ({f"{OPS}.secret": ""}, f"{OPS}.secret is missing: write the path"),
        ({f"{OPS}.events": "alias_move"}, "names 'alias_move', which is no event: did you mean alias_moved?"),
        ({f"{OPS}.events": "xyz"}, "which is no event: write some of version_registered, "),
        ({f"{OPS}.models": "Flights"}, f"{OPS}.models names 'Flights', which is no model's name."),
        ({"mlserve.webhooks.Ops": "https://example.com"}, "mlserve.webhooks.Ops has a name that cannot be"),
        ({"mlserve.webhooks.other.secret": "x"}, "mlserve.webhooks.other is missing: write the URL"),
        ({f"{OPS}.secrets": "x"}, f"{OPS}.secrets is not a setting: did you mean {OPS}.secret?"),
        ({"mlserve.webhook.ops": "https://example.com"}, f"did you mean {OPS}?"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changed: dict[str, str], sentence: str) -> None:
    said = refusal({**GOOD, **changed})
    assert sentence in said
    assert "s3cret" not in said


def test_a_variable_is_named_as_one() -> None:
    said = refusal(GOOD, {"MLSERVE__WEBHOOKS__OPS": "http://example.com/"})
    assert said.startswith(f"{OPS}, set by the variable MLSERVE__WEBHOOKS__OPS, begins http://")
    said = refusal(GOOD, {"MLSERVE__WEBHOOKS__OPS__SECRT": "x"})
    assert "did you mean MLSERVE__WEBHOOKS__OPS__SECRET?" in said


def test_plain_http_is_to_this_host_or_where_the_ini_says_so() -> None:
    for url in ("http://localhost:1/", "http://127.0.0.2/"):
        assert declared(read_settings({**GOOD, OPS: url}, {}, HERE))[0].url == url
    plain = {**GOOD, OPS: "http://example.com/", "mlserve.delivery.plain_http": "true"}
    assert declared(read_settings(plain, {}, HERE))[0].url == "http://example.com/"
