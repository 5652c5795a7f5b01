"""Bundles of linear models for tests of the registry: packed, as archives, and registered over HTTP."""

from pathlib import Path
from typing import Any

from mlserve_linear.family import LinearFamily

from mlserve.bundles import BundleStore, archive
from mlserve.inference import ModelFamily
from mlserve.registry.bringing import pack_artefact
from mlserve.testing import Served
from tests.factories import linear_model, until

MODEL = "/api/v1/models/line"
BUNDLE = "application/vnd.mlserve.bundle"


def bundle(folder: Path, family: ModelFamily | None = None, **model: Any) -> Path:
    """The archive of a linear model, packed as an INI's artefact would be."""
    store = BundleStore(folder / "packed")
    manifest = pack_artefact(family or LinearFamily(), linear_model(folder, "candidate", **model), store)
    path = folder / f"{manifest.digest}.mlbundle"
    archive.write(store.open(manifest.digest), path)
    return path


def register(app: Served, path: Path, model: str = "line", status: int = 201) -> Any:
    """The answer to a bundle's registration."""
    url = f"/api/v1/models/{model}/versions"
    return app.post(url, path.read_bytes(), headers={"Content-Type": BUNDLE}, status=status)


def move(app: Served, version: int | None, alias: str = "champion", status: int = 200, **body: Any) -> Any:
    """The answer to a move by somebody who has just looked."""
    url = f"{MODEL}/aliases/{alias}"
    seen = app.get(url, status="*")
    headers = {"If-Match": seen.headers["ETag"]} if seen.status_int == 200 else {"If-None-Match": "*"}
    body |= {} if version is None else {"version": version}
    return app.put_json(url, body, headers=headers, status=status)


def answering(app: Served, alias: str = "champion") -> int | None:
    """Which version answers for an alias in this process."""
    number: int | None = app.get(f"{MODEL}/aliases/{alias}").json["answers"]
    return number


def until_answers(app: Served, version: int, alias: str = "champion") -> None:
    until(lambda: answering(app, alias) == version)
