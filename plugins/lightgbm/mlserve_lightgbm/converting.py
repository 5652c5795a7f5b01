"""Converts a LightGBM model for ONNX Runtime, in a process of its own: `python -m` this module, ARTEFACT, TARGET."""

import sys
from pathlib import Path
from typing import Final

import numpy as np

from mlserve_lightgbm.engine import Engine
from mlserve_lightgbm.library import version
from mlserve_lightgbm.model_file import ModelFile, parse, trees_of
from mlserve_lightgbm.structure import MISSING, Numbers, TreeText
from mlserve_onnx.converted import ConvertedEngine, Refused, convert, load
from mlserve_onnx.ensemble import AMONG, AT_MOST, Ensemble, TreeArrays
from mlserve_onnx.parity import Ask, Probe

_NAN, _ZERO = MISSING.index("nan"), MISSING.index("zero")
# What becomes of the sum of the leaves, by objective; one that is not here is not converted.
_LINKS: Final[dict[str, str]] = {
    **dict.fromkeys(("regression", "regression_l1", "huber", "fair", "mape", "quantile"), "identity"),
    **dict.fromkeys(("lambdarank", "rank_xendcg", "custom"), "identity"),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "exp"),
    **dict.fromkeys(("binary", "multiclassova", "cross_entropy"), "sigmoid"),
    "multiclass": "softmax",
    "cross_entropy_lambda": "softplus",
}
# The library takes every number up to this for a zero, below 0 too.
_TINY: Final = float(np.float32(1e-35))


def refusal(file: ModelFile) -> str | None:
    """Why a model is not converted, whatever the gate would say; None where it may be."""
    if file.linear:
        return "Trees with linear leaves are not converted."
    if file.objective not in _LINKS:
        return f"Models of the objective {file.objective} are not converted."
    return None


def engine_of(path: Path, file: ModelFile, engines: Path | None) -> tuple[ConvertedEngine | None, str | None]:
    """The converted model, or None and the reason; `engines` is the folder in which it is kept."""
    own = {"lightgbm": version()}
    return load(path, file.raw, refusal(file), converter=__name__, engines=engines, libraries=own)


def ensemble_of(file: ModelFile) -> Ensemble:
    """The trees as arrays. Raises Refused."""
    texts = trees_of(file.raw, file.features)
    if any((text.missing[~text.by_category] == _ZERO).any() for text in texts):
        raise Refused("Trees for which zero is missing (zero_as_missing) are not converted.")
    scale = 1 / file.rounds if file.average else 1.0
    trees = [_arrays(text, number % file.classes, scale) for number, text in enumerate(texts)]
    link = "square" if file.root else _LINKS.get(file.objective, "identity")
    return Ensemble(file.features, file.classes, np.float64, trees, link, file.sigmoid)


def probe_of(file: ModelFile) -> Probe:
    """What the trees ask, for the gate."""
    texts = trees_of(file.raw, file.features)
    features = np.concatenate([text.features[~text.by_category] for text in texts])
    thresholds = np.concatenate([text.thresholds[~text.by_category] for text in texts])
    highest = np.array(
        [max(code, 0) if by else -1 for code, by in zip(file.highest_codes, file.by_category, strict=True)]
    )
    return Probe(features, thresholds, highest)


def proof_of(path: Path) -> tuple[Ensemble, Probe, Ask]:
    """What the gate compares. Raises Refused."""
    file = parse(path.read_bytes())
    if reason := refusal(file):
        raise Refused(reason)
    return ensemble_of(file), probe_of(file), Engine(file, 1).predict


def _arrays(text: TreeText, target: int, scale: float) -> TreeArrays:
    chosen = text.by_category
    # A missing value that training did not see counts as 0; one where categories are asked for is none of them.
    missing = np.where(text.missing == _NAN, text.default_left, text.thresholds >= 0) & ~chosen
    return TreeArrays(
        target=target,
        features=text.features,
        modes=np.where(chosen, AMONG, AT_MOST),
        splits=np.where(chosen, 0.0, _beyond_tiny(text.thresholds)),
        yes=text.left,
        no=text.right,
        missing_yes=np.asarray(missing, np.bool_),
        weights=text.leaf_values * scale,
        sets=[text.sets[int(number)] for number in text.thresholds[chosen]],
    )


def _beyond_tiny(thresholds: Numbers) -> Numbers:
    """Thresholds that treat all numbers that the library takes for 0 as they treat 0."""
    below = np.nextafter(-_TINY, -np.inf)
    found = np.where((thresholds >= -_TINY) & (thresholds < 0), below, thresholds)
    return np.where((thresholds >= 0) & (thresholds < _TINY), _TINY, found)


if __name__ == "__main__":
    sys.exit(convert(Path(sys.argv[1]), Path(sys.argv[2]), lambda: proof_of(Path(sys.argv[1]))))
