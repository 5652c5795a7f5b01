"""package(): a trained model and real rows become a bundle that knows what it should answer."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mlserve.bundles import archive
from mlserve.bundles.baseline import baseline_of
from mlserve.bundles.card import card_of
from mlserve.bundles.completed import describe, read_batch, refuse_unnamed, whole, with_examples
from mlserve.bundles.foreign import fitting, imported_into
from mlserve.bundles.golden_rows import choose, instances_of, is_exact
from mlserve.bundles.manifest import PACKAGED, BundleFile, Manifest
from mlserve.bundles.pack import measure
from mlserve.bundles.provenance import provenance_of
from mlserve.bundles.sample import Sample, read_sample
from mlserve.bundles.scored import scores_of
from mlserve.bundles.sidecar import read_metrics, read_sidecar
from mlserve.bundles.store import BundleStore
from mlserve.errors import BundleError, MlserveError
from mlserve.inference.families import inspected
from mlserve.inference.family import ListsCategories, Maker, ModelFamily
from mlserve.inference.golden import answers, compare, read_instances, written
from mlserve.inference.importer import Imported
from mlserve.inference.loaded import Limits, LoadedVersion, load_version
from mlserve.signature import Batch, Signature
from mlserve.signature.outputs import rows_of

TOLERANCE: Final = 1e-6
_PIECE: Final = 10_000
# Packaging answers what it is given: no request is bounded here.
_LIMITS: Final = Limits(body=2**40, instances=2**31, problems=5, depth=100, explained=1, image_pixels=2**40)


def package(
    model: Any,
    data: Any,
    *,
    family: ModelFamily,
    name: str,
    target: str | None = None,
    classes: Sequence[str] | None = None,
    signature: Mapping[str, Any] | Signature | None = None,
    engine: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    changed: str = "",
    trust: bool = False,
    imported: Imported | None = None,
    store: BundleStore | None = None,
    out: Path | str | None = None,
) -> Manifest:
    """Make a bundle of format 2, in a `store` or as `out`: a new folder, or a file that ends in .mlbundle.

    `model` is a model file, or a live model that the family can save. `data` is what `read_sample` takes; of it come
    golden predictions, the baseline, what is missing in the signature and, with the `target` column, scores.
    `signature` is what a sidecar may say, by default the one beside the file. `engine` is refused where the family
    answers with another. `metadata` goes into the model card; `settings` are the family's, of which `changed` says what
    `load_version` wants to know. `trust` allows a format that runs code when it is loaded. `imported` is what another
    tool says of the file.

    Raises BundleError or SignatureError with one sentence, also where the family's predictor does not answer as the
    library that made the model.
    """
    if (store is None) == (out is None):
        raise BundleError("Say where the bundle goes: either a store or out.")
    card = card_of(name, metadata or {})
    folder = None if out is None else Path(out)
    if folder is not None:
        _require_free(folder)
    if family.runs_code and not trust:
        raise BundleError(
            f"Loading a model of family {family.name} runs code that it brings: say that you trust it (--trust)."
        )
    sample = read_sample(data)
    with _artefact(model, family) as artefact:
        # First of all, since a family need not say well that a file cannot be read.
        file = BundleFile("model" + artefact.suffix.lower(), *measure(artefact))
        batch = _completed(family, artefact, signature, sample, classes or (), imported)
        with _loaded(family, artefact, batch.signature, settings or {}, changed) as loaded:
            _require_engine(loaded, engine)
            content = {
                "format": PACKAGED,
                "family": family.name,
                "engine": loaded.lineage.engine,
                "files": [asdict(file)],
                "signature": batch.signature.to_json(),
                "card": card,
                **_answered(loaded, family, artefact, batch, sample, target),
            }
        provenance = provenance_of(
            artefact.name if isinstance(model, str | Path) else type(model).__name__,
            sample.origin,
            family.libraries(),
            target,
        )
        if imported is not None:
            provenance["imported"] = dict(imported.metadata)
        return _put(Manifest(content, provenance), artefact, store, folder)


def _completed(
    family: ModelFamily,
    artefact: Path,
    signature: Mapping[str, Any] | Signature | None,
    sample: Sample,
    classes: Sequence[str],
    imported: Imported | None,
) -> Batch:
    """All rows of the sample, with the signature that the file, what is given, and the rows themselves say."""
    given = signature.to_json() if isinstance(signature, Signature) else signature
    if given is None:
        given = read_sidecar(artefact) or {}
    file = inspected(family, artefact)
    if imported is not None and imported.signature is not None:
        file = imported_into(file, imported.signature)
    if file is None:
        file, given = whole(artefact.name, given), {}
    if imported is not None:
        sample = fitting(sample, file)
    lists = family.category_lists(artefact) if isinstance(family, ListsCategories) else ()
    signature = describe(file, given, sample, classes, lists)
    refuse_unnamed(signature, lists, sample, f"{artefact.name}.signature.json")
    batch = read_batch(signature, sample)
    completed = with_examples(batch)
    return Batch.from_columns(completed, {name: batch.values(name) for name in completed.names})


def _require_engine(loaded: LoadedVersion, engine: str | None) -> None:
    answers_with = loaded.predictor.engine
    if engine is not None and answers_with != engine:
        raise BundleError(f"The family {loaded.lineage.family} answers with engine {answers_with!r}, not {engine!r}.")


def _answered(
    loaded: LoadedVersion, family: ModelFamily, artefact: Path, batch: Batch, sample: Sample, target: str | None
) -> dict[str, Any]:
    """The parts of a manifest that the version's answers to the sample give."""
    outputs = predict_all(loaded, batch)
    metrics = read_metrics(artefact)
    if target is not None:
        metrics["measured"] = {"target": target, **scores_of(loaded.signature, outputs, sample, target)}
    return {
        "baseline": baseline_of(batch, outputs),
        "golden": _golden(loaded, family, artefact, batch, choose(batch, outputs)),
        "metrics": metrics,
    }


def _golden(
    loaded: LoadedVersion, family: ModelFamily, artefact: Path, batch: Batch, places: Sequence[int]
) -> dict[str, Any]:
    """The rows at these places with the answers of the library that made the model, where the family can ask it.

    `engine` says whose answers they are to the bit: null where the predictor's are equal within the tolerance only.
    """
    instances = instances_of(batch, places)
    if not instances:
        raise BundleError("No row of the data can be golden: its whole numbers are beyond 2^53, or it is too large.")
    rows = read_instances(loaded.signature, instances)
    answered = expected = answers(loaded, rows)
    if isinstance(family, Maker):
        expected = written(loaded, family.reference(artefact, loaded.signature, rows), rows.n)
    found = compare(loaded.signature, expected, answered, tolerance=TOLERANCE)
    if found.differences:
        raise BundleError(f"The predictor does not answer as the library that made the model: {found.differences[0]}.")
    kept = [number for number, row in enumerate(expected) if is_exact(row)]
    if not kept:
        raise BundleError("No answer of the model can be written as canonical JSON: they are beyond 2^53.")
    return {
        "tolerance": TOLERANCE,
        "libraries": family.libraries(),
        "engine": None if found.deviation else loaded.lineage.engine,
        "instances": [instances[number] for number in kept],
        "outputs": [expected[number] for number in kept],
    }


def predict_all(loaded: LoadedVersion, batch: Batch) -> dict[str, NDArray[Any]]:
    """The answers to all rows, a piece of them at a time."""
    rows, found = batch.rows(), []
    for start in range(0, batch.n, _PIECE):
        piece = Batch.from_rows(loaded.signature, rows[start : start + _PIECE])
        found.append(loaded.predict(piece))
    written(loaded, {name: array[:1] for name, array in found[0].items()}, 1)  # Refuses answers of other shapes.
    outputs = {output.name: output for output in loaded.signature.outputs}
    return {name: np.concatenate([rows_of(outputs[name], part[name]) for part in found]) for name in found[0]}


@contextmanager
def _artefact(model: Any, family: ModelFamily) -> Iterator[Path]:
    """The model's file; of a live model one that is there for as long as the block runs."""
    if isinstance(model, str | Path):
        yield Path(model)
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = family.save(model, Path(folder)) if isinstance(family, Maker) else None
        except Exception as error:  # Whatever a library raises of a model that was never fitted, say.
            reason = f"{type(error).__name__}: {error}".rstrip(".")
            raise BundleError(f"The family {family.name} cannot save this model: {reason}.") from error
        if path is None:
            raise BundleError(f"The family {family.name} saves no {type(model).__name__}: give a model file.")
        yield path


@contextmanager
def _loaded(
    family: ModelFamily, artefact: Path, signature: Signature, settings: Mapping[str, Any], changed: str
) -> Iterator[LoadedVersion]:
    loaded = load_version(
        family,
        artefact,
        identity={"model": "", "version": 0, "digest": "", "plugin": ""},
        signature=signature,
        manifest={},
        settings=settings,
        limits=_LIMITS,
        changed=changed,
    )
    try:
        yield loaded
    except MlserveError:
        raise
    except Exception as error:  # What the family's reference raises is its library's own.
        reason = f"{type(error).__name__}: {error}".rstrip(".")
        raise BundleError(f"The family {family.name} failed: {reason}.") from error
    finally:
        loaded.close()


def _require_free(out: Path) -> None:
    if out.suffix != archive.SUFFIX and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BundleError(f"{out} is there already: give a new folder, or a file that ends in {archive.SUFFIX}.")


def _put(manifest: Manifest, artefact: Path, store: BundleStore | None, out: Path | None) -> Manifest:
    files = {manifest.artefact: artefact}
    if store is not None:
        return store.put(manifest, files).manifest
    assert out is not None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=out.parent) as folder:
            bundle = BundleStore(Path(folder)).put(manifest, files)
            if out.suffix == archive.SUFFIX:
                archive.write(bundle, out)
            else:
                bundle.folder.replace(out)
    except OSError as error:
        raise BundleError(f"{out} cannot be written: {error.strerror or error}.") from error
    return manifest
