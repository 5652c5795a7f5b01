"""What an explanation of an XGBoost model says: its scale in words, and the name of each block."""

from typing import Final

from mlserve.signature import Signature
from mlserve.trees import explaining
from mlserve.trees.explaining import CLASS, SECOND, Explainer
from mlserve_xgboost.engine import Engine
from mlserve_xgboost.model_file import ModelFile
from mlserve_xgboost.outputs import outputs_of

# What XGBoost adds up before the objective makes an answer of it; `SECOND` gives way to the class's name.
_SCALES: Final[dict[str, str]] = {
    "binary:logistic": f"log-odds of {SECOND}",
    "binary:logitraw": f"log-odds of {SECOND}",
    "binary:hinge": f"margin: above 0 is {SECOND}",
    "multi:softprob": CLASS,
    "multi:softmax": CLASS,
    "reg:squarederror": "value",
    "reg:linear": "value",
    "reg:squaredlogerror": "value",
    "reg:pseudohubererror": "value",
    "reg:absoluteerror": "value",
    "reg:logistic": "log-odds of the value",
    "reg:gamma": "log of the value",
    "reg:tweedie": "log of the value",
    "count:poisson": "log of the expected count",
    "reg:quantileerror": "value",
    "rank:ndcg": "score",
    "rank:map": "score",
    "rank:pairwise": "score",
    "survival:cox": "log of the hazard ratio",
    "survival:aft": "log of the time",
}


def explainer_of(file: ModelFile, signature: Signature, engine: Engine) -> Explainer:
    """Explains one version's answers by the contribution of each input to the margin."""
    method = "linear" if file.booster == "gblinear" else "treeshap"
    scale = explaining.scale_of(_SCALES[file.objective], signature)
    return Explainer(method, scale, blocks_of(file, signature), lambda batch: engine.contributions(batch.matrix()))


def blocks_of(file: ModelFile, signature: Signature) -> tuple[str | None, ...]:
    """The name of each number that the model adds up for a row; None for a single one."""
    groups = max(file.classes, file.targets)
    return explaining.blocks_of(groups, signature, outputs_of(file), are_classes=file.classes > 0)
