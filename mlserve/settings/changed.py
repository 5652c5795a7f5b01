"""Which settings of a family are not at their default: what predictions are told by that are made under them."""

import hashlib
from typing import Any

from mlserve.settings.read import Settings
from mlserve.settings.setting import Setting
from mlserve.settings.values import in_words, parse


def changed_settings(settings: Settings, prefix: str) -> str:
    """Those under a prefix that may change answers, in words: "decimals=1, mode=fast"; "" where all have their default.

    Of a text, a path, a URL or a list there is a checksum only: it may be long, or nobody's business.
    """
    found = []
    for setting in settings.table:
        if setting.name.startswith(prefix + ".") and setting.changes_answers:
            value, default = settings[setting.name], setting.default_text.replace("%(here)s", str(settings.here))
            if value != parse(setting, default, settings.here):
                found.append(f"{setting.name[len(prefix) + 1 :]}={_told(setting, value)}")
    return ", ".join(sorted(found))


def _told(setting: Setting, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return in_words(setting, value)
    if value is None or setting.type == "choice":
        return "none" if value is None else str(value)
    return "#" + hashlib.sha256(repr(value).encode()).hexdigest()[:8]
