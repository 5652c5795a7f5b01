"""Reads settings: the INI, overridden by the environment, checked against the table."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from mlserve.errors import ConfigurationError
from mlserve.names import MODEL_NAME
from mlserve.settings.setting import MODEL_PATTERN, MODELS, PATTERNS, Setting, name_in, variable_of
from mlserve.settings.table import CORE, RENAMED
from mlserve.settings.unknown import refuse_unknown
from mlserve.settings.values import parse, shown, slip

# What lies beside a model file and is none.
_NO_MODELS = (".ini", ".py", ".csv", ".signature.json", ".metrics.json")


class Settings:
    """The settings of one application. `settings["mlserve.limits.body"]` is the typed value; KeyError if unclaimed."""

    def __init__(
        self,
        raw: Mapping[str, str],
        environ: Mapping[str, str],
        here: Path | None,
        renamed: Mapping[str, str] = RENAMED,
    ) -> None:
        self.here = Path.cwd() if here is None else here.absolute()
        self._raw = {key: str(value) for key, value in raw.items()}
        self._variables = {name: text for name, text in environ.items() if name.startswith("MLSERVE")}
        self._renamed = renamed
        self._table: dict[str, Setting] = {}
        self._values: dict[str, Any] = {}
        for setting in CORE:
            self.add(setting)
        self._models = self._read_models()
        if self["mlserve.database.url"] is None:
            self._values["mlserve.database.url"] = f"sqlite:///{self['mlserve.var'] / 'mlserve.db'}"

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @property
    def table(self) -> tuple[Setting, ...]:
        """Every claimed setting, the core's and the plugins', in the order in which they were claimed."""
        return tuple(self._table.values())

    def section(self, prefix: str) -> dict[str, Any]:
        """The values under a prefix by the rest of their name: `section("mlserve.xgboost")` -> {"threads": 1}."""
        return {name[len(prefix) + 1 :]: self[name] for name in self if name.startswith(prefix + ".")}

    def texts(self, prefix: str) -> dict[str, str]:
        """What the INI or the environment says of the keys under a prefix, as it is written there, by whole name."""
        written = {**self._raw, **self._variables}
        names = [name for name in self if name.startswith(prefix + ".")]
        return {name: self._written(name) for name in names if name in written or variable_of(name) in written}

    def add(self, setting: Setting) -> None:
        """Claim a key and parse it at once; ConfigurationError for a bad value, or a key that is already claimed."""
        for other in self._table.values():
            if other.variable == setting.variable:
                raise ConfigurationError(
                    f"{setting.name} is claimed twice, as {other.help!r} and as {setting.help!r}: "
                    "two plugins that use one key cannot be enabled together."
                )
        self._table[setting.name] = setting
        if setting.name not in PATTERNS:
            self._values[setting.name] = self._parsed(setting, setting.name)

    @property
    def models(self) -> dict[str, Path]:
        """The declared models and their files; ConfigurationError for a file that is not there."""
        for name, path in self._models.items():
            if not path.is_file() and not (path / "manifest.json").is_file():
                raise ConfigurationError(self._no_file(MODELS + name, path))
        return dict(self._models)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The declared models, without looking for their files."""
        return tuple(self._models)

    def named(self, pattern: str) -> dict[str, Any]:
        """The values of a key with NAME in it, such as `mlserve.webhooks.NAME.secret`, by that name.

        Raises ConfigurationError for a bad value, and for what no name can be.
        """
        setting, variable = self._table[pattern], variable_of(pattern)
        names = [name for key in self._raw if (name := name_in(pattern, key))]
        # A name has no underscore and no dot, so a variable has one reading only.
        in_variables = [name for key in self._variables if (name := name_in(variable, key))]
        keys = {name: pattern.replace("NAME", name) for name in [*names, *map(_name_of, in_variables)]}
        for name, key in keys.items():
            if not MODEL_NAME.fullmatch(name):
                raise ConfigurationError(
                    f"{self.where(key)} has a name that cannot be: write at most 63 characters a-z, 0-9 and -, "
                    "beginning with a letter."
                )
        return {name: self._parsed(setting, key) for name, key in keys.items()}

    def where(self, key: str) -> str:
        """The key as an error sentence names it: with the variable, if that is where its value came from."""
        variable = variable_of(key)
        return f"{key}, set by the variable {variable}," if variable in self._variables else key

    def mark(self) -> frozenset[str]:
        """The keys that are claimed by now, for `back_to`."""
        return frozenset(self._table)

    def back_to(self, mark: frozenset[str]) -> None:
        """Forget the keys that were claimed since then."""
        for name in self._table.keys() - mark:
            del self._table[name]
            self._values.pop(name, None)

    def refuse_unknown(self, installed_plugins: Mapping[str, bool], *, lenient: bool = False) -> None:
        """Refuse every key and variable that nobody claimed. Call it when all plugins have added their settings.

        `installed_plugins`: names of the installed plugins, and whether each is enabled. `lenient`: a plugin has
        failed, and nobody knows what it would claim, so that keys of sections that nobody else has are let be.
        ConfigurationError with a sentence about the likeliest mistake.
        """
        refuse_unknown(self._raw, self._variables, self._table, self._renamed, installed_plugins, lenient=lenient)

    def _read_models(self) -> dict[str, Path]:
        """Read `mlserve.models.NAME` of the INI and the environment, without looking for the files."""
        prefix = variable_of(MODELS)
        rests = [name[len(prefix) :] for name in self._variables if name.startswith(prefix)]
        keys = [key for key in self._raw if key.startswith(MODELS)]
        # A model's name has no underscore and no dot, so the rest of a variable has one reading only.
        keys += [MODELS + rest.lower().replace("_", "-") for rest in rests]
        setting = self._table[MODEL_PATTERN]
        models = {}
        for key in dict.fromkeys(keys):
            if not MODEL_NAME.fullmatch(key.removeprefix(MODELS)):
                raise ConfigurationError(self._bad_name(key))
            path = self._parsed(setting, key)
            if path is None:
                raise ConfigurationError(f"{self.where(key)} is empty: write the path of a model file.")
            models[key.removeprefix(MODELS)] = path
        return models

    def _parsed(self, setting: Setting, key: str) -> Any:
        text = self._written(key, setting.default_text)
        try:
            return parse(setting, text.replace("%(here)s", str(self.here)), self.here)
        except ValueError as error:
            found = shown(setting, text) if text.strip() else "empty"
            raise ConfigurationError(
                f"{self.where(key)} is {found}: write {error} {slip(text)}".rstrip() + "."
            ) from error

    def _written(self, key: str, default: str = "") -> str:
        return self._variables.get(variable_of(key), self._raw.get(key, default))

    def _bad_name(self, key: str) -> str:
        name = key.removeprefix(MODELS)
        fixed = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]
        right = f", such as {MODELS}{fixed}" if MODEL_NAME.fullmatch(fixed) else ""
        return (
            f"{self.where(key)} does not name a model: write a name of at most 63 characters a-z, 0-9 and -, "
            f"beginning with a letter{right}."
        )

    def _no_file(self, key: str, path: Path) -> str:
        if path.is_dir():
            where = f"{self.where(key)} is {str(path)!r}, which is a folder and no bundle"
            return f"{where}: write the path of a model file in it."
        if remark := slip(self._written(key)):
            near = remark
        elif not path.parent.is_dir():
            near = f"(there is no folder {str(path.parent)!r})"
        else:
            found = _nearest_file(path)
            near = f"(did you mean {str(found)!r}?)" if found else ""
        sentence = f"{self.where(key)} is {str(path)!r}, which does not exist: write the path of a model file"
        return f"{sentence} {near}".rstrip() + "."


def _name_of(words: str) -> str:
    """The name that a variable holds."""
    return words.lower().replace("_", "-")


def _nearest_file(path: Path) -> Path | None:
    """The file beside it that was most likely meant, of the same suffix if there is one."""
    names = [file.name for file in path.parent.iterdir() if file.is_file() and not file.name.endswith(_NO_MODELS)]
    same = [name for name in names if Path(name).suffix == path.suffix]
    near = get_close_matches(path.name, same, 1) or get_close_matches(path.name, names, 1)
    return path.parent / near[0] if near else None


def read_settings(raw: Mapping[str, str], environ: Mapping[str, str], here: Path | None) -> Settings:
    """Read the core's settings. Call `refuse_unknown` on the result when the plugins have added theirs.

    `raw` are the keys of `[app:main]`, `environ` overrides them, `here` is the folder of the INI where relative paths
    start (None: the working directory). No file has to be there yet. ConfigurationError in one sentence.
    """
    return Settings(raw, environ, here)
