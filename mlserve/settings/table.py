"""The settings table: every key of the core with its type, default and help."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

SettingType = Literal["str", "bool", "int", "float", "duration", "size", "path", "list", "choice", "url"]
# The types whose values have an order, and so bounds.
_NUMBERS = ("int", "float", "duration", "size")

_NAME = re.compile(r"mlserve(\.[a-z][a-z0-9]*([_-][a-z0-9]+)*)+")
MODELS: Final = "mlserve.models."
MODEL_PATTERN: Final = "mlserve.models.NAME"


@dataclass(frozen=True)
class Setting:
    """One key of the INI.

    `default` is what one would write in the INI; "" means that there is no value (None, or an empty list), and only
    such a setting may be left empty. `choices` are the words of a `choice`, or the database dialects of a `url`.
    `minimum` and `maximum` are in the unit of the typed value: a number, seconds or bytes. ValueError for a name that
    is no key (`mlserve.` and lower-case words separated by dots), an unknown type, and what the type cannot have.
    """

    name: str
    type: SettingType
    default: str | float
    help: str
    choices: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    example: str | None = None

    def __post_init__(self) -> None:
        if self.name != MODEL_PATTERN and not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not the name of a setting: write mlserve.SECTION.WORD in lower case")
        if self.type not in get_args(SettingType):
            known = ", ".join(get_args(SettingType))
            raise ValueError(f"{self.name} is of the type {self.type!r}, which is none of {known}")
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if bounds and self.type not in _NUMBERS:
            raise ValueError(f"{self.name} is of the type {self.type!r}, which has no minimum or maximum")
        for bound in bounds:
            if isinstance(bound, bool) or not isinstance(bound, int | float):
                raise ValueError(f"{self.name} has the bound {bound!r}: write a number, in seconds or in bytes too")
        if self.type == "choice" and not self.choices:
            raise ValueError(f"{self.name} is a choice without choices")
        if self.choices is not None and self.type not in ("choice", "url"):
            raise ValueError(f"{self.name} is of the type {self.type!r}, which has no choices")

    @property
    def default_text(self) -> str:
        """The default as it stands in an INI."""
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)

    @property
    def variable(self) -> str:
        """The environment variable that overrides this key."""
        return variable_of(self.name)


def variable_of(key: str) -> str:
    """`mlserve.database.url` -> `MLSERVE__DATABASE__URL`."""
    return key.upper().replace("-", "_").replace(".", "__")


CORE: Final[tuple[Setting, ...]] = (
    Setting(
        "mlserve.plugins",
        "list",
        "",
        "The plugins to enable, by name or dotted name, separated by spaces, commas or lines.",
        example="xgboost",
    ),
    Setting(
        MODEL_PATTERN,
        "path",
        "",
        "A model file or bundle to serve under NAME (a-z, 0-9 and -, beginning with a letter); one line a model.",
        example="%(here)s/models/flight-delay.ubj",
    ),
    Setting(
        "mlserve.trust.digests",
        "list",
        "",
        "The digests of the bundles whose own code may run when they are loaded; only some formats bring code.",
    ),
    Setting(
        "mlserve.store.url",
        "str",
        "",
        "Bundles that several hosts share, as fsspec names it; empty: in mlserve.var only. No password belongs here.",
        example="file:///mnt/models",
    ),
    Setting(
        "mlserve.var",
        "path",
        "var",
        "The folder for what the server keeps: bundles, spool, SQLite. Relative to the INI.",
        example="/var/lib/mlserve",
    ),
    Setting(
        "mlserve.database.url",
        "url",
        "",
        "The database; empty: SQLite in the file mlserve.db of mlserve.var.",
        choices=("sqlite", "postgresql"),
        example="postgresql://mlserve@localhost/mlserve",
    ),
    Setting(
        "mlserve.database.timeout",
        "duration",
        "5s",
        "How long to wait for a connection or a lock of the database.",
        minimum=0.001,
    ),
    Setting(
        "mlserve.log.way",
        "choice",
        "sql",
        "How a prediction is kept before its answer: sql commits a row, process writes a spool file, off keeps none.",
        choices=("sql", "process", "off"),
    ),
    Setting(
        "mlserve.log.unwritable",
        "choice",
        "refuse",
        "When a prediction cannot be kept: refuse answers 503, answer answers all the same and counts it.",
        choices=("refuse", "answer"),
    ),
    Setting(
        "mlserve.spool.segment_size",
        "size",
        "64MiB",
        "A spool file that reaches this size is closed and a new one begun.",
        minimum=4096,
    ),
    Setting(
        "mlserve.spool.keep",
        "duration",
        "1h",
        "How long a spool file stays after all its records are in SQL.",
        minimum=0,
    ),
    Setting(
        "mlserve.spool.shutdown_grace",
        "duration",
        "10s",
        "How long a stopping server goes on shipping the spool into SQL.",
        minimum=0,
    ),
    Setting(
        "mlserve.shipper.enabled",
        "bool",
        "true",
        "Whether this server ships the spool into SQL itself.",
    ),
    Setting(
        "mlserve.shipper.interval",
        "duration",
        "200ms",
        "How often the shipper looks for new records.",
        minimum=0.001,
    ),
    Setting(
        "mlserve.shipper.batch",
        "int",
        "1000",
        "The most records that the shipper inserts in one transaction.",
        minimum=1,
    ),
    Setting(
        "mlserve.limits.body",
        "size",
        "8MiB",
        "The largest request body; more is answered 413.",
        minimum=1024,
    ),
    Setting(
        "mlserve.limits.instances",
        "int",
        "10000",
        "The most instances of one prediction; more is answered 413.",
        minimum=1,
    ),
    Setting(
        "mlserve.limits.explained",
        "int",
        "1000",
        "The most instances that one request may have explained; fewer where a model takes long. More is answered 413.",
        minimum=1,
    ),
    Setting(
        "mlserve.limits.problems",
        "int",
        "100",
        "The most problems that one answer lists.",
        minimum=1,
    ),
    Setting(
        "mlserve.limits.depth",
        "int",
        "64",
        "The deepest nesting of a JSON body; deeper is answered 400.",
        minimum=4,
        maximum=500,
    ),
    Setting(
        "mlserve.limits.bundle",
        "size",
        "1GiB",
        "The largest bundle that a caller may register; more is answered 413.",
        minimum=1024,
    ),
    Setting(
        "mlserve.auth.enabled",
        "bool",
        "false",
        "Whether callers need a key (mlserve keys) and people log in (mlserve users).",
    ),
    Setting(
        "mlserve.auth.open",
        "bool",
        "false",
        "Whether it may serve without keys on an address that other hosts can reach.",
    ),
    Setting(
        "mlserve.auth.interval",
        "duration",
        "1s",
        "How often each process looks for new, changed and revoked keys and users.",
        minimum=0.01,
    ),
    Setting(
        "mlserve.auth.rate",
        "float",
        "",
        "The most requests a second of one caller in each process, on average; more is answered 429. Empty: no limit.",
        minimum=0.001,
        example="50",
    ),
    Setting(
        "mlserve.auth.burst",
        "int",
        "100",
        "How many requests of one caller may come at once, where mlserve.auth.rate is set.",
        minimum=1,
    ),
    Setting(
        "mlserve.session.idle",
        "duration",
        "1h",
        "A session of the pages ends when nothing was asked for so long.",
        minimum=1,
    ),
    Setting(
        "mlserve.session.lifetime",
        "duration",
        "12h",
        "A session of the pages ends after so long, whatever was asked.",
        minimum=1,
    ),
    Setting(
        "mlserve.session.key",
        "path",
        "",
        "A file of random bytes that signs the sessions, the same on every host; empty: session.key of mlserve.var.",
        example="/etc/mlserve/session.key",
    ),
    Setting(
        "mlserve.login.failures",
        "int",
        "5",
        "After so many failed logins of one user, or from one address, the next have to wait.",
        minimum=1,
    ),
    Setting(
        "mlserve.login.lock",
        "duration",
        "5m",
        "How long they have to wait.",
        minimum=1,
    ),
    Setting(
        "mlserve.dashboard.enabled",
        "bool",
        "true",
        "Whether there are pages for people beside the API: models, forms, predictions, documentation.",
    ),
    Setting(
        "mlserve.metrics.interval",
        "duration",
        "1s",
        "How often each process writes its metrics down for /metrics, which then tells of all of them.",
        minimum=0.01,
    ),
    Setting(
        "mlserve.registry.interval",
        "duration",
        "1s",
        "How often each process looks whether a version or an alias has changed in the database.",
        minimum=0.01,
    ),
    Setting(
        "mlserve.health.interval",
        "duration",
        "5s",
        "How often the health checks run in the background.",
        minimum=0.01,
    ),
    Setting(
        "mlserve.health.timeout",
        "duration",
        "5s",
        "A health check that takes longer counts as failed.",
        minimum=0.01,
    ),
    Setting(
        "mlserve.retention.age",
        "duration",
        "",
        "The age at which `mlserve db purge` removes a prediction; empty: predictions are kept for ever.",
        minimum=1,
        example="365d",
    ),
)

RENAMED: Final[Mapping[str, str]] = MappingProxyType({})
"""Keys of earlier releases and what they are called now. An old key stops the start and is told its new name."""
