"""The REST resources of XGBoost models."""

import re
from typing import Any, ClassVar

from pyramid.response import Response

from mlserve.api.problems import NoSuchResource
from mlserve.api.resources import ModelResource
from mlserve.inference import LoadedVersion
from mlserve.predictions.resources import PredictionsResource
from mlserve_xgboost.drawing import MEDIA_TYPE, drawing
from mlserve_xgboost.family import NAME, XGBoostPredictor
from mlserve_xgboost.forest import Tree
from mlserve_xgboost.operations import DRAWING, IMPORTANCE, TREE

# An SVG document may bring scripts; ours has none, and none would run.
_SVG_HEADERS = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"),
    ("Vary", "Accept"),
]


class XGBoostPredictions(PredictionsResource):
    """`/api/v1/models/{model}/predictions` of an XGBoost model."""

    family = NAME


class XGBoostImportance(ModelResource):
    """`/api/v1/models/{model}/importance`: what the model's trees split on."""

    family = NAME
    operations: ClassVar = {"get": IMPORTANCE}

    def get(self) -> dict[str, Any]:
        """gain, weight and cover by field, of the version that answers."""
        loaded = self.context.model.loaded()
        predictor: XGBoostPredictor = loaded.predictor
        with loaded.users:
            importance = predictor.importance()
        return {**_names(loaded), "importance": importance}


class XGBoostTree(ModelResource):
    """`/api/v1/models/{model}/trees/{number}`: one tree, as JSON or as a drawing."""

    family = NAME
    operations: ClassVar = {"get": TREE}

    def get(self) -> Any:
        """The nodes of a tree, nested, with the names of the signature; numbers count from 0."""
        loaded = self.context.model.loaded()
        predictor: XGBoostPredictor = loaded.predictor
        with loaded.users:
            trees = predictor.forest().trees
        tree = _numbered(trees, self.request.matchdict["number"])
        root = tree.root(loaded.signature)
        if self.context.media_type == MEDIA_TYPE:
            svg = drawing(tree, root, title_of(loaded, tree, len(trees)))
            return Response(svg, headerlist=[("Content-Type", f"{MEDIA_TYPE}; charset=utf-8"), *_SVG_HEADERS])
        self.request.response.headers["Vary"] = "Accept"
        return {**_names(loaded), **_described(tree), "trees": len(trees), "root": root}


class XGBoostTreeDrawing(XGBoostTree):
    """`/api/v1/models/{model}/trees/{number}/drawing`: the drawing alone, for links that a browser follows."""

    operations: ClassVar = {"get": DRAWING}


def title_of(loaded: LoadedVersion, tree: Tree, trees: int) -> str:
    """What a drawing shows, in words."""
    name = "" if tree.name is None else f", for {tree.name}"
    lineage = loaded.lineage
    return (
        f"Tree {tree.number} of 0 to {trees - 1} of {lineage.model} version {lineage.version}, round {tree.round}{name}"
    )


def _names(loaded: LoadedVersion) -> dict[str, Any]:
    lineage = loaded.lineage
    return {"model": lineage.model, "version": lineage.version, "digest": lineage.digest}


def _described(tree: Tree) -> dict[str, Any]:
    levels = [level.size for level in tree.levels()]
    return {
        "number": tree.number,
        "round": tree.round,
        "used": tree.used,
        "weight": tree.weight,
        "block": tree.block,
        "name": tree.name,
        "nodes": sum(levels),
        "depth": len(levels) - 1,
    }


def _numbered(trees: tuple[Tree, ...], number: str) -> Tree:
    if re.fullmatch(r"[0-9]{1,9}", number) and int(number) < len(trees):
        return trees[int(number)]
    known = f"numbered from 0 to {len(trees) - 1}" if trees else "none at all"
    raise NoSuchResource(f"There is no tree {number[:20]!r}: this model's trees are {known}.")
