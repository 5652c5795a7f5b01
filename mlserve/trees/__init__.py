"""What families of decision trees share: outputs with labels, trees as JSON and as drawings, and what models go by."""

from mlserve.trees.artefact import Artefact
from mlserve.trees.engines import EXACT, ONNX, engine_settings, require_engine
from mlserve.trees.inputs import Inputs
from mlserve.trees.operations import DRAWING, IMPORTANCE, TREE
from mlserve.trees.outputs import LABEL, Answer, Outputs
from mlserve.trees.panel import TEMPLATE, importance_panel
from mlserve.trees.predictor import Forest, TreesPredictor
from mlserve.trees.reading import UNSOUND, read_model
from mlserve.trees.resources import Importance, TreeDrawing, TreeResource
from mlserve.trees.tree import Node, Tree, nested

__all__ = [
    "DRAWING",
    "EXACT",
    "IMPORTANCE",
    "LABEL",
    "ONNX",
    "TEMPLATE",
    "TREE",
    "UNSOUND",
    "Answer",
    "Artefact",
    "Forest",
    "Importance",
    "Inputs",
    "Node",
    "Outputs",
    "Tree",
    "TreeDrawing",
    "TreeResource",
    "TreesPredictor",
    "engine_settings",
    "importance_panel",
    "nested",
    "read_model",
    "require_engine",
]
