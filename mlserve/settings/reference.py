"""The settings table as a page of the reference documentation."""

from collections.abc import Mapping, Sequence

from mlserve.settings.setting import Setting
from mlserve.settings.table import CORE

_INTRODUCTION = """\
# Settings

All settings stand in `[app:main]` of the INI, under names that begin with `mlserve.`; the environment overrides each
under the variable named beside it. A key that is unknown or misspelt, or a value that cannot be read, stops the start
with one sentence. `%(here)s` is the INI's folder, and relative paths start there.

| type | what to write |
|---|---|
| bool | `true` or `false` (also `yes`, `no`, `on`, `off`, `1`, `0`) |
| str | a text |
| int | a whole number |
| float | a number: `0.26`, `-1`, `1e-6` |
| duration | a number and its unit: `250ms`, `5s`, `10m`, `1h`, `7d` |
| size | a number and its unit: `512B`, `64KiB`, `8MiB`, `1GiB` (also decimal: `kB`, `MB`, `GB`) |
| path | absolute, relative to the INI's folder, or beginning with `~` |
| list | words separated by spaces, commas or lines |
| choice | one of the words given |
| url | a database: `postgresql://user:password@host/name` or `sqlite:///path/of/file.db`; or `https://host/path` |
"""


def settings_markdown(plugins: Mapping[str, Sequence[Setting]]) -> str:
    """The page docs/reference/settings.md: the core's settings, then each bundled plugin's, by the plugin's name."""
    parts = [_INTRODUCTION, "## Core\n", _table(CORE)]
    for plugin, settings in plugins.items():
        parts += [f"## Plugin `{plugin}`\n", _table(settings)]
    return "\n".join(parts)


def _table(settings: Sequence[Setting]) -> str:
    rows = ["| key | type | default | what it does | variable |", "|---|---|---|---|---|"]
    rows += [
        f"| `{setting.name}` | {_type(setting)} | {_code(setting.default_text) or 'empty'} | {_help(setting)} "
        f"| `{_variable(setting)}` |"
        for setting in settings
    ]
    return "\n".join(rows) + "\n"


def _type(setting: Setting) -> str:
    if setting.type == "choice" and setting.choices:
        return ", ".join(_code(choice) for choice in setting.choices)
    return setting.type


def _help(setting: Setting) -> str:
    return setting.help + (f" Example: {_code(setting.example)}." if setting.example else "")


def _variable(setting: Setting) -> str:
    return setting.variable


def _code(text: str) -> str:
    return f"`{text}`" if text else ""
