"""Signatures are those of Standard Webhooks, as its own library reads them; files without a secret are refused."""

import base64
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mlserve.errors import ConfigurationError
from mlserve.webhooks.signing import read_signer
from tests.unit.webhooks.receiver import OTHER, SECRET

BODY = '{"type":"alias_moved","data":{"reason":"über"}}'.encode()
KEY = "mlserve.webhooks.ops.secret"


def headers(folder: Path, text: str, body: bytes = BODY) -> dict[str, str]:
    (folder / "secret").write_text(text)
    return read_signer(folder / "secret", KEY).headers("0190-id", int(time.time()), body)


def test_the_specification_s_library_takes_a_signature(tmp_path: Path) -> None:
    signed = headers(tmp_path, SECRET)
    assert Webhook(SECRET).verify(BODY, signed)["type"] == "alias_moved"
    for secret, body, changed in (
        (OTHER, BODY, {}),
        (SECRET, BODY + b" ", {}),
        (SECRET, BODY, {"webhook-id": "0190-other"}),
        (SECRET, BODY, {"webhook-timestamp": str(int(signed["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, {**signed, **changed})


def test_the_signature_is_the_one_of_the_library(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    signed = headers(tmp_path, SECRET)
    at = datetime.fromtimestamp(int(signed["webhook-timestamp"]), UTC)
    assert signed["webhook-signature"] == Webhook(SECRET).sign("0190-id", at, BODY.decode())


def test_while_a_secret_is_replaced_both_are_good(tmp_path: Path) -> None:
    signed = headers(tmp_path, f"{OTHER} {SECRET}\n")
    assert Webhook(SECRET).verify(BODY, signed) == Webhook(OTHER).verify(BODY, signed)


def of(length: int) -> str:
    return "whsec_" + base64.b64encode(b"s" * length).decode()


@pytest.mark.parametrize("length", [24, 64])
def test_the_shortest_and_the_longest_secret_are_taken(tmp_path: Path, length: int) -> None:
    assert Webhook(of(length)).verify(BODY, headers(tmp_path, of(length)))


@pytest.mark.parametrize(
    "text",
    ["", "\n", SECRET.removeprefix("whsec_"), of(23), of(65), "whsec_", "whsec_!!!", f"{SECRET} {of(5)}", "whsec_é"],
)
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{KEY} is .* holds no secret: write whsec_ and 24 to 64") as caught:
        headers(tmp_path, text)
    assert not any(word[7:] in str(caught.value) for word in text.split() if len(word) > 10)


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"which cannot be read \(no such file or directory\)"):
        read_signer(tmp_path / "none", KEY)
