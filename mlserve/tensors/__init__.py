"""What families of tensor models share: what an instance is, feeds, runs, outputs with labels, the description."""

from mlserve.signature.fields import ANY_SIZE
from mlserve.tensors.feeds import Change, Feed, changed, column_feed, feeds_of, require_picture
from mlserve.tensors.form import INSTANCES, MOST_NUMBERS, Mode, NumberOrText, inside
from mlserve.tensors.labels import Label
from mlserve.tensors.operations import describing
from mlserve.tensors.outputs import Outputs
from mlserve.tensors.resources import Description
from mlserve.tensors.runner import Run, Runner

__all__ = [
    "ANY_SIZE",
    "INSTANCES",
    "MOST_NUMBERS",
    "Change",
    "Description",
    "Feed",
    "Label",
    "Mode",
    "NumberOrText",
    "Outputs",
    "Run",
    "Runner",
    "changed",
    "column_feed",
    "describing",
    "feeds_of",
    "inside",
    "require_picture",
]
