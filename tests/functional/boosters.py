"""Small real XGBoost models that answer the same rows differently, packaged with golden predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xgboost

from mlserve.bundles import BundleFile, BundleStore, Manifest, archive, package
from mlserve.bundles.pack import measure
from mlserve_xgboost.family import XGBoostFamily

NAMES = ("x", "y", "z")
# What clients ask; a missing value among them.
ROWS: list[dict[str, float | None]] = [
    {"x": 0.1, "y": 0.9, "z": 0.4},
    {"x": 0.8, "y": 0.2, "z": None},
    {"x": 0.5, "y": 0.5, "z": 1.0},
    {"x": 0.0, "y": 0.3, "z": None},
]


@dataclass(frozen=True)
class Booster:
    """`answers[i]` is what the library itself says of `ROWS[i]`."""

    archive: Path
    answers: list[float]


def boosters(folder: Path, count: int) -> list[Booster]:
    """As many packaged models of the name `line`; no two of them answer any of the rows alike."""
    maker = Maker(folder)
    made = [maker.make() for _ in range(count)]
    for place in range(len(ROWS)):
        assert len({booster.answers[place] for booster in made}) == count
    return made


class Maker:
    """Makes one model after the other. The first is packaged as people do it, the others are of the same signature."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        random = np.random.default_rng(5)
        self._rows = random.random((100, len(NAMES)), dtype=np.float32)
        self._rows[::7, 2] = np.nan
        self._store = BundleStore(folder / "packed")
        self._first: Manifest | None = None
        self._made = 0

    def make(self) -> Booster:
        self._made += 1
        target = np.nan_to_num(self._rows).sum(axis=1) + self._made
        data = xgboost.DMatrix(self._rows, target, feature_names=list(NAMES), nthread=1)
        trained = xgboost.train({"max_depth": 4, "eta": 0.3, "nthread": 1}, data, 15)
        file = self.folder / f"version-{self._made}.ubj"
        trained.save_model(file)
        if self._first is None:
            sample = {name: self._rows[:20, place] for place, name in enumerate(NAMES)}
            family = XGBoostFamily()
            self._first = package(file, sample, name="line", family=family, settings={"threads": 1}, store=self._store)
            manifest = self._first
        else:
            manifest = self._like(self._first, trained, file)
        archive_file = file.with_suffix(archive.SUFFIX)
        archive.write(self._store.open(manifest.digest), archive_file)
        return Booster(archive_file, _answers(trained, ROWS))

    def tampered(self, made: Booster, row: int) -> Path:
        """The archive of the same model that claims another answer to a golden row; its digests are right."""
        true = archive.read(made.archive, self._store).manifest
        outputs = [*true.content["golden"]["outputs"]]
        outputs[row] = {"value": outputs[row]["value"] + 0.5}
        claimed = Manifest({**true.content, "golden": {**true.content["golden"], "outputs": outputs}}, {})
        bundle = self._store.put(claimed, {claimed.artefact: self._store.open(true.digest).artefact})
        file = made.archive.with_name(f"tampered-{made.archive.name}")
        archive.write(bundle, file)
        return file

    def _like(self, first: Manifest, trained: xgboost.Booster, file: Path) -> Manifest:
        """The bundle of another model, with its own answers to some of the golden rows."""
        files = [asdict(BundleFile(first.artefact, *measure(file)))]
        instances = first.content["golden"]["instances"][:5]
        outputs = [{"value": value} for value in _answers(trained, instances)]
        golden = {**first.content["golden"], "instances": instances, "outputs": outputs}
        manifest = Manifest({**first.content, "files": files, "golden": golden, "baseline": None}, {})
        return self._store.put(manifest, {first.artefact: file}).manifest


def _answers(trained: xgboost.Booster, rows: Sequence[Mapping[str, float | None]]) -> list[float]:
    """What the library says, as the numbers of its float32 in the shortest text."""
    values = [[np.nan if row[name] is None else row[name] for name in NAMES] for row in rows]
    asked = xgboost.DMatrix(np.array(values, np.float32), feature_names=list(NAMES), nthread=1)
    return [float(str(value)) for value in trained.predict(asked)]
