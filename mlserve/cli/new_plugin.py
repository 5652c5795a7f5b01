"""`mlserve new-plugin`: a plugin that works, with its tests, to be made into one's own."""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from mlserve import __version__
from mlserve.plugins import API_VERSION, installed
from mlserve.settings import CORE

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST: Final = 40
# Names whose package or whose section of the settings is the core's own.
_TAKEN: Final = frozenset({"client", *(setting.name.split(".")[1] for setting in CORE)})


@click.command("new-plugin")
@click.argument("name")
@click.option("--protocol", is_flag=True, help="One that answers in a protocol of its own, instead of a model family.")
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Where; mlserve-NAME here unless given."
)
def new_plugin(name: str, protocol: bool, folder: Path | None) -> None:
    """Write a plugin that works: a family of models of your own.

    With a resource, a setting, a panel, a README, its packaging and tests that pass at once. Nothing is overwritten.
    """
    _require_name(name)
    folder = folder or Path(f"mlserve-{name.replace('_', '-')}")
    kind = "protocol" if protocol else "family"
    try:
        if folder.is_dir() and next(folder.iterdir(), None) is not None:
            raise click.ClickException(f"{folder} is not empty: give another --folder, nothing was written.")
        for path, text in skeleton(kind, name).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be written: {error.strerror or error}.") from error
    click.echo(_next_steps(kind, name, folder))


def skeleton(kind: str, name: str) -> dict[str, str]:
    """The files of a new plugin, by their paths: of a `family` or of a `protocol`.

    In the files that come with mlserve a word between two `@` stands for what follows from the name; in their paths
    `package` and `name` do.
    """
    package = f"mlserve_{name}"
    words = {
        "name": name,
        "Name": "".join(word.capitalize() for word in name.split("_")),
        "package": package,
        "distribution": f"pyramid-mlserve-{name.replace('_', '-')}",
        "api": str(API_VERSION),
        "core": _core(),
    }
    found = {}
    for path, text in _texts(files("mlserve.cli") / "skeletons" / kind):
        parts = [{"package": package, "test_name.py": f"test_{name}.py"}.get(part, part) for part in path.split("/")]
        found["/".join(parts)] = re.sub(r"@(\w+)@", lambda word: words[word[1]], text)
    return found


def _texts(folder: Traversable, before: str = "") -> list[tuple[str, str]]:
    """All files below the folder, each with its path. They end in `.txt`, so that no tool takes them for code."""
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _texts(entry, f"{before}{entry.name}/")
        elif entry.name.endswith(".txt"):
            found.append((before + entry.name.removesuffix(".txt"), entry.read_text(encoding="utf-8")))
    return found


def _core() -> str:
    """The versions of mlserve that a plugin made now may be installed with: up to the next that may change much."""
    major, minor = map(int, __version__.split(".")[:2])
    return f"pyramid-mlserve>={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise click.ClickException(
            f"{name!r} cannot name a plugin: write at most {_LONGEST} characters a-z and 0-9, beginning with a letter, "
            "and _ between words."
        )
    if name in _TAKEN:
        raise click.ClickException(f"{name!r} cannot name a plugin: mlserve.{name} is the core's. Choose another name.")
    point = installed().get(name)
    if point is not None:
        whose = point.dist.name if point.dist else point.value
        raise click.ClickException(f"{name!r} is the name of an installed plugin, {whose}: choose another name.")


def _next_steps(kind: str, name: str, folder: Path) -> str:
    package = f"mlserve_{name}"
    model = f"\n         mlserve.models.delays = /path/to/delays.{name}" if kind == "family" else ""
    return f"""\
{folder} holds the plugin {name}, package {package}. Next:

  1. cd {folder}
  2. pip install -e '.[tests]'
  3. python -m pytest tests
  4. In the INI:
         mlserve.plugins = {name}{model}

README.md says how to make it yours."""
