"""The REST resources of a family of trees; a plugin's own have nothing but its `family`."""

import re
from typing import Any, ClassVar

from pyramid.response import Response

from mlserve.api.problems import NoSuchResource
from mlserve.api.resources import ModelResource
from mlserve.inference import LoadedVersion
from mlserve.trees.drawing import MEDIA_TYPE, drawing
from mlserve.trees.operations import DRAWING, IMPORTANCE, TREE
from mlserve.trees.predictor import TreesPredictor
from mlserve.trees.tree import Tree

# An SVG document may bring scripts; ours has none, and none would run.
_SVG_HEADERS = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'self'"),
    ("Vary", "Accept"),
]


class Importance(ModelResource):
    """`/api/v1/models/{model}/importance`: what the model's trees split on."""

    operations: ClassVar = {"get": IMPORTANCE}

    def get(self) -> dict[str, Any]:
        """The scores by field, of the version that answers."""
        with self.using_predictor() as loaded:
            predictor: TreesPredictor = loaded.predictor  # type: ignore[assignment] # The resource is the family's own.
            importance = predictor.importance()
        return {**_names(loaded), "importance": importance}


class TreeResource(ModelResource):
    """`/api/v1/models/{model}/trees/{number}`: one tree, as JSON or as a drawing."""

    operations: ClassVar = {"get": TREE}

    def get(self) -> Any:
        """The nodes of a tree, nested, with the names of the signature; numbers count from 0."""
        with self.using_predictor() as loaded:
            predictor: TreesPredictor = loaded.predictor  # type: ignore[assignment] # The resource is the family's own.
            trees = predictor.forest().trees
        tree = _numbered(trees, self.request.matchdict["number"])
        root = tree.root(loaded.signature)
        if self.context.media_type == MEDIA_TYPE:
            svg = drawing(tree, root, title_of(loaded, tree, len(trees)))
            return Response(svg, headerlist=[("Content-Type", f"{MEDIA_TYPE}; charset=utf-8"), *_SVG_HEADERS])
        self.request.response.headers["Vary"] = "Accept"
        return {**_names(loaded), **_described(tree), "trees": len(trees), "root": root}


class TreeDrawing(TreeResource):
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
