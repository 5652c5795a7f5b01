"""The webhooks of the INI: `mlserve.webhooks.NAME`, and what stands beside each."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mlserve.errors import ConfigurationError
from mlserve.events import KINDS
from mlserve.loopback import is_loopback
from mlserve.names import MODEL_NAME
from mlserve.settings import Settings
from mlserve.settings.setting import WEBHOOK_PATTERN, WEBHOOKS


@dataclass(frozen=True)
class Webhook:
    """Who is told: of these kinds and models, of all where there are none. The URL is nobody else's to know."""

    name: str
    url: str = field(repr=False)
    secret: Path
    kinds: tuple[str, ...]
    models: tuple[str, ...]

    @property
    def secret_key(self) -> str:
        """The key of the INI that names the file of its secrets."""
        return f"{WEBHOOKS}{self.name}.secret"


@dataclass(frozen=True)
class Rules:
    """What holds for all of them, in seconds."""

    interval: float
    timeout: float
    give_up: float
    keep: float


def rules_of(settings: Settings) -> Rules:
    return Rules(**{name: settings[f"mlserve.delivery.{name}"] for name in Rules.__annotations__})


def declared(settings: Settings) -> tuple[Webhook, ...]:
    """What the INI declares, without looking for the files. Raises ConfigurationError."""
    urls, secrets, kinds, models = (
        settings.named(WEBHOOK_PATTERN + rest) for rest in ("", ".secret", ".events", ".models")
    )
    for name in [*secrets, *kinds, *models]:
        if name not in urls:
            raise ConfigurationError(f"{WEBHOOKS}{name} is missing: write the URL that {name} is told at.")
    found = []
    for name, url in urls.items():
        key = WEBHOOKS + name
        if url is None:
            raise ConfigurationError(f"{settings.where(key)} is empty: write a URL that begins https://.")
        if secrets.get(name) is None:
            raise ConfigurationError(
                f"{key}.secret is missing: write the path of a file with a secret, such as "
                "`echo whsec_$(openssl rand -base64 32)` makes."
            )
        _check_url(settings.where(key), url, plain=settings["mlserve.delivery.plain_http"])
        hook = Webhook(name, url, secrets[name], kinds.get(name, ()), models.get(name, ()))
        _check_choices(settings, key, hook)
        found.append(hook)
    return tuple(found)


def _check_url(where: str, url: str, *, plain: bool) -> None:
    """Raises ConfigurationError, which does not show the URL: its path may be a secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        # As a connection will write it: no part of a name is empty, or longer than 63 characters.
        (host or "").encode("idna")
    except ValueError:
        host, port, parts = None, None, SplitResult("", "", "", "", "")
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ConfigurationError(f"{where} is not a URL: write one as https://host/path.")
    if "@" in parts.netloc:
        raise ConfigurationError(f"{where} holds a user or a password: the signature says who sends; write it without.")
    if parts.fragment:
        raise ConfigurationError(f"{where} has a part behind #, which nobody is sent: write it without.")
    if parts.scheme == "http" and not plain and not is_loopback(host):
        raise ConfigurationError(
            f"{where} begins http://, which everybody on the way can read: write https://, or set "
            "mlserve.delivery.plain_http = true."
        )


def _check_choices(settings: Settings, key: str, hook: Webhook) -> None:
    for kind in hook.kinds:
        if kind not in KINDS:
            near = get_close_matches(kind, KINDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"write some of {', '.join(KINDS)}."
            raise ConfigurationError(f"{settings.where(f'{key}.events')} names {kind!r}, which is no event: {hint}")
    for model in hook.models:
        if not MODEL_NAME.fullmatch(model):
            raise ConfigurationError(f"{settings.where(f'{key}.models')} names {model!r}, which is no model's name.")
