"""The sentences for keys and variables that no setting claims."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from mlserve.errors import ConfigurationError
from mlserve.settings.setting import MODELS, PATTERNS, Setting, name_in, variable_of

_CLOSE = 0.75
# Another application's key in the same section must look very much like ours before it stops the start.
_VERY_CLOSE = 0.9
# The likeliest mistake is told first: a misspelt mlserve.plugins makes that plugin's own keys unknown too.
_MISSPELT, _NOT_ENABLED, _UNHEARD_OF = range(3)


@dataclass(frozen=True)
class _Unknown:
    """A key or a variable that nobody claims. Both are compared in the form of the variable."""

    text: str
    is_variable: bool

    @property
    def form(self) -> str:
        return self.text if self.is_variable else variable_of(self.text)

    @property
    def section(self) -> str:
        return _rest(self.form).partition("__")[0]

    def __str__(self) -> str:
        return f"The variable {self.text}" if self.is_variable else self.text

    def spelled(self, key: str) -> str:
        """A key as this one would be written: as a variable if this is one."""
        return variable_of(key) if self.is_variable else key


def refuse_unknown(
    raw: Iterable[str],
    variables: Iterable[str],
    table: Mapping[str, Setting],
    renamed: Mapping[str, str],
    plugins: Mapping[str, bool],
    *,
    lenient: bool = False,
) -> None:
    """Raise ConfigurationError about the likeliest mistake among the unclaimed keys and variables.

    `table` are the claimed settings by key, `renamed` old keys and their new ones, `plugins` the installed plugins
    and whether each is enabled. The section of a key, `mlserve.<section>.*`, is the name of a family; which families
    a plugin that is off would bring is not known, so it is recognised by a section of the plugin's own name.
    `lenient` lets the keys of sections be that nobody has claimed: they may be a failed plugin's.
    """
    found = list(_unknown(raw, variables, table))
    if lenient:
        claimed = {_rest(setting.variable).partition("__")[0] for setting in table.values()}
        found = [unknown for unknown in found if unknown.section in claimed]
    sentences = [_sentence(unknown, table, renamed, plugins) for unknown in found]
    sentences += [(_MISSPELT, sentence) for sentence in _strayed(raw, variables, table)]
    if sentences:
        raise ConfigurationError(min(sentences, key=lambda item: item[0])[1])


def _unknown(raw: Iterable[str], variables: Iterable[str], table: Mapping[str, Setting]) -> Iterator[_Unknown]:
    claimed = {setting.variable for setting in table.values()}
    models = variable_of(MODELS)
    for key in raw:
        if (
            key.lower().startswith("mlserve.")
            and key not in table
            and not (key.startswith(MODELS) and key != MODELS)
            and not any(name_in(pattern, key) for pattern in PATTERNS)
        ):
            yield _Unknown(key, is_variable=False)
    for name in variables:
        if (
            name.startswith("MLSERVE__")
            and name not in claimed
            and not (name.startswith(models) and name != models)
            and not any(name_in(variable_of(pattern), name) for pattern in PATTERNS)
        ):
            yield _Unknown(name, is_variable=True)


def _strayed(raw: Iterable[str], variables: Iterable[str], table: Mapping[str, Setting]) -> Iterator[str]:
    """Keys without our prefix that look very much like one of ours, and would be ignored in silence."""
    for key in raw:
        if not key.lower().startswith("mlserve.") and (near := get_close_matches(key, table, 1, _VERY_CLOSE)):
            yield f"{key} is not a setting: did you mean {near[0]}?"
    # Other variables that begin MLSERVE_ are left alone: Kubernetes makes such for a service of that name.
    single = {setting.variable.replace("__", "_"): setting.variable for setting in table.values()}
    for name in variables:
        if name in single:
            yield f"The variable {name} sets nothing: write {single[name]}."


def _sentence(
    unknown: _Unknown, table: Mapping[str, Setting], renamed: Mapping[str, str], plugins: Mapping[str, bool]
) -> tuple[int, str]:
    for old, new in renamed.items():
        if unknown.form == variable_of(old):
            return _MISSPELT, f"{unknown} was renamed: write {unknown.spelled(new)}."
    if unknown.form.rstrip("_") == variable_of(MODELS).rstrip("_"):
        return (
            _MISSPELT,
            f"{unknown} names no model: write {unknown.spelled(MODELS)}NAME, such as {MODELS}flight-delay.",
        )
    for plugin, enabled in plugins.items():
        if unknown.section == _section_of(plugin) and not enabled:
            return _NOT_ENABLED, (
                f"{unknown} belongs to the plugin {plugin}, which is installed but not enabled: "
                f"add {plugin} to mlserve.plugins."
            )
    if near := _near(unknown, table, plugins):
        return _MISSPELT, f"{unknown} is not a setting: did you mean {near}?"
    return _UNHEARD_OF, _nothing_near(unknown, table)


def _near(unknown: _Unknown, table: Mapping[str, Setting], plugins: Iterable[str]) -> str | None:
    keys = {_rest(setting.variable): key for key, setting in table.items() if key not in PATTERNS}
    keys |= _named_alike(unknown)
    if found := get_close_matches(_rest(unknown.form), keys, 1, _CLOSE):
        return unknown.spelled(keys[found[0]])
    section, _, rest = _rest(unknown.form).partition("__")
    names = {_section_of(name): name for name in [*plugins, "models", "webhooks"]}
    if rest and section not in names and (found := get_close_matches(section, names, 1, _CLOSE)):
        return unknown.spelled(f"mlserve.{names[found[0]]}.{rest.lower().replace('_', '-')}")
    return None


def _named_alike(unknown: _Unknown) -> dict[str, str]:
    """The keys that stand beside `mlserve.webhooks.NAME`, of the name that the unknown one has."""
    section, name, *rest = [*_rest(unknown.form).split("__"), "", ""]
    if section != "WEBHOOKS" or not name or not rest[0]:
        return {}
    keys = [pattern.replace("NAME", name.lower().replace("_", "-")) for pattern in PATTERNS if pattern[-4:] != "NAME"]
    return {_rest(variable_of(key)): key for key in keys}


def _nothing_near(unknown: _Unknown, table: Mapping[str, Setting]) -> str:
    sections = {_rest(setting.variable).partition("__")[0] for setting in table.values()}
    near = get_close_matches(unknown.section, sections, 1, _CLOSE)
    if near:
        siblings = [key for key, setting in table.items() if _rest(setting.variable).startswith(near[0] + "__")]
        listed = ", ".join(unknown.spelled(key) for key in siblings)
        return f"{unknown} is not a setting: write one of {listed}, or remove it."
    section = unknown.section.lower().replace("_", "-")
    return (
        f"{unknown} is not a setting, and no plugin named {section} is installed: install that plugin, or remove it "
        "(mlserve.* is kept for the settings in docs/reference/settings.md)."
    )


def _rest(form: str) -> str:
    """What follows the prefix that all have in common, which would make everything look alike."""
    return form.partition("__")[2]


def _section_of(plugin: str) -> str:
    return plugin.upper().replace("-", "_")
