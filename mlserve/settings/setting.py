"""What one setting is: a key with its type, default and help; and the keys that hold a name."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

SettingType = Literal["str", "bool", "int", "float", "duration", "size", "path", "list", "choice", "url"]
# The types whose values have an order, and so bounds.
_NUMBERS = ("int", "float", "duration", "size")

_NAME = re.compile(r"mlserve(\.[a-z][a-z0-9]*([_-][a-z0-9]+)*)+")
MODELS: Final = "mlserve.models."
MODEL_PATTERN: Final = "mlserve.models.NAME"
WEBHOOKS: Final = "mlserve.webhooks."
WEBHOOK_PATTERN: Final = "mlserve.webhooks.NAME"
# The keys in which NAME stands for one that the operator chooses.
PATTERNS: Final = (MODEL_PATTERN, *(WEBHOOK_PATTERN + rest for rest in ("", ".secret", ".events", ".models")))


def name_in(pattern: str, text: str) -> str | None:
    """What stands in a key, or a variable, where the pattern says NAME; None for a text that is another.

    Neither a dot nor, in a variable, two underscores.
    """
    before, after = pattern.split("NAME")
    found = re.fullmatch(f"{re.escape(before)}((?:(?!__)[^.])+){re.escape(after)}", text)
    return None if found is None else found[1]


@dataclass(frozen=True)
class Setting:
    """One key of the INI.

    `default` is what one would write in the INI; "" means that there is no value (None, or an empty list), and only
    such a setting may be left empty. `choices` are the words of a `choice`, or the database dialects of a `url`.
    `minimum` and `maximum` are in the unit of the typed value: a number, seconds or bytes. `changes_answers` is of a
    family's settings: whether the lineage of predictions tells its value. ValueError for a name that is no key
    (`mlserve.` and lower-case words separated by dots), an unknown type, and what the type cannot have.
    """

    name: str
    type: SettingType
    default: str | float
    help: str
    choices: tuple[str, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    example: str | None = None
    changes_answers: bool = True

    def __post_init__(self) -> None:
        if self.name not in PATTERNS and not _NAME.fullmatch(self.name):
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
