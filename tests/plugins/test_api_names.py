"""The public names of the plugin contract, with their parameters, are those of `api_names.json`.

Plugins of others stand on them. After a change that is meant, and is in the contract's changelog, write the file anew:
`python -m tests.plugins.test_api_names`.
"""

import inspect
import json
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from mlserve.directives import DIRECTIVES
from mlserve.plugins import API_VERSION

PINNED = Path(__file__).with_name("api_names.json")
# What plugins may import, by module: these names of it, or all of its `__all__`, or where it has none all classes.
MODULES: dict[str, tuple[str, ...]] = {
    "mlserve.api.operations": ("Operation",),
    "mlserve.api.problems": ("NoSuchResource",),
    "mlserve.api.resources": ("ModelResource", "Resource"),
    "mlserve.auth.guard": ("guarded", "sees"),
    "mlserve.errors": (),
    "mlserve.faults": ("ends_process", "told_with_line"),
    "mlserve.inference": (),
    "mlserve.models": (),
    "mlserve.observability.health": ("Degraded",),
    "mlserve.predictions.family_tables": ("JsonText", "PredictionTable", "UuidText"),
    "mlserve.predictions.resources": ("PredictionsResource",),
    "mlserve.private_file": ("replace",),
    "mlserve.protocols": (),
    "mlserve.settings": ("Setting",),
    "mlserve.signature": (),
    "mlserve.tensors": (),
    "mlserve.testing": (),
    "mlserve.testing.fixtures": (),
    "mlserve.trees": (),
    "mlserve.trees.explaining": ("CLASS", "SECOND", "Explainer", "blocks_of", "scale_of"),
}
CHANGED = """The plugin contract, {version}, is not what api_names.json says:

{changes}

Plugins of others stand on these names. What is only added is a new minor version of the contract; what is gone or takes
other arguments a new major one. Say so in API_VERSION (mlserve/plugins/found.py) and in the changelog of
docs/reference/plugin-contract.md, then write the file anew: python -m tests.plugins.test_api_names"""


def contract() -> dict[str, Any]:
    """Every public name with its parameters, and the version that has them."""
    names: dict[str, str] = {}
    directives = import_module("mlserve.directives")
    for name in DIRECTIVES:
        names[f"config.{name}"] = parameters(getattr(directives, name), leaving_out="config")
    for module in map(import_module, MODULES):
        for name in MODULES[module.__name__] or getattr(module, "__all__", None) or classes(module):
            dotted, value = f"{module.__name__}.{name}", getattr(module, name)
            if inspect.isclass(value):
                names |= of_class(dotted, value)
            else:
                names[dotted] = parameters(value) if callable(value) else type(value).__name__
    return {"version": list(API_VERSION), "names": dict(sorted(names.items()))}


def classes(module: ModuleType) -> list[str]:
    """The names of the classes that the module itself defines."""
    found = [name for name, value in vars(module).items() if inspect.isclass(value) and not name.startswith("_")]
    return [name for name in found if getattr(module, name).__module__ == module.__name__]


def of_class(dotted: str, value: type) -> dict[str, str]:
    """The class with what makes one, and its methods and properties, but for those of a test's class."""
    found = {dotted: "class" + (_made_of(value) if is_dataclass(value) else parameters(value))}
    for name in sorted(dir(value)):
        member = inspect.getattr_static(value, name)
        if name.startswith(("_", "test_")) or not _is_ours(value, name):
            continue
        if isinstance(member, property) or type(member).__name__ == "cached_property":
            found[f"{dotted}.{name}"] = "property"
        elif callable(member) or isinstance(member, classmethod | staticmethod):
            found[f"{dotted}.{name}"] = parameters(getattr(value, name), leaving_out="self")
    return found


def _is_ours(value: type, name: str) -> bool:
    """Whether a member is of a class of mlserve's, and not of Python's or a library's."""
    owner = next(each for each in value.__mro__ if name in vars(each))
    return owner.__module__.partition(".")[0] == "mlserve"


def _made_of(value: type) -> str:
    """The fields of a dataclass that `__init__` takes, `=` behind those that may be left out."""
    told = [
        f"{field.name}{'' if 'MISSING' in repr(field.default) and 'MISSING' in repr(field.default_factory) else '='}"
        for field in fields(value)
        if field.init
    ]
    return f"({', '.join(told)})"


def parameters(value: Any, leaving_out: str = "") -> str:
    """Names, order and kinds of the parameters, `=` behind those that may be left out; not their types."""
    try:
        found = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return "()"
    told, keywords = [], False
    for parameter in found:
        if parameter.name == leaving_out:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            told.append("*")
            keywords = True
        if parameter.kind is parameter.VAR_POSITIONAL:
            keywords = True
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        told.append(f"{stars}{parameter.name}{'' if parameter.default is parameter.empty else '='}")
    return f"({', '.join(told)})"


def changes(pinned: dict[str, str], found: dict[str, str]) -> list[str]:
    """What differs, a line each: the first word says which number of the version counts."""
    gone = [f"major: {name}{_call(pinned[name])} is gone" for name in sorted(pinned.keys() - found.keys())]
    new = [f"minor: {name}{_call(found[name])} is new" for name in sorted(found.keys() - pinned.keys())]
    other = [
        f"{_weight(pinned[name], found[name])}: {name} was {pinned[name]}, is {found[name]}"
        for name in sorted(pinned.keys() & found.keys())
        if pinned[name] != found[name]
    ]
    return gone + other + new


def _call(told: str) -> str:
    return told if told.startswith("(") else f" ({told})"


def _weight(before: str, after: str) -> str:
    """Arguments at the end that may be left out break no call."""
    words = [told.partition("(")[2].rstrip(")").split(", ") for told in (before, after)]
    kept, added = words[1][: len(words[0])], words[1][len(words[0]) :]
    return "minor" if kept == words[0] and all(word == "*" or word.endswith("=") for word in added) else "major"


def test_the_public_names_are_those_that_plugins_were_promised() -> None:
    pinned, found = json.loads(PINNED.read_text(encoding="utf-8")), contract()
    told = changes(pinned["names"], found["names"])
    version = ".".join(map(str, API_VERSION))
    assert not told, CHANGED.format(version=version, changes="\n".join(told))
    assert pinned["version"] == found["version"]


def test_what_has_changed_is_told_with_what_it_means() -> None:
    before = {"a.f": "(x)", "a.g": "(x, y=)", "a.h": "()", "a.C": "class(x)"}
    after = {"a.f": "(x, more=)", "a.g": "(x)", "a.C": "class(x, y)", "a.new": "(x)"}
    assert changes(before, after) == [
        "major: a.h() is gone",
        "major: a.C was class(x), is class(x, y)",
        "minor: a.f was (x), is (x, more=)",
        "major: a.g was (x, y=), is (x)",
        "minor: a.new(x) is new",
    ]


def test_the_changelog_of_the_contract_has_its_version() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "plugin-contract.md"
    changelog = page.read_text(encoding="utf-8").partition("### Changelog of the contract")[2]
    assert f"**{API_VERSION[0]}.{API_VERSION[1]}**" in changelog


if __name__ == "__main__":
    PINNED.write_text(json.dumps(contract(), indent=1) + "\n", encoding="utf-8")
