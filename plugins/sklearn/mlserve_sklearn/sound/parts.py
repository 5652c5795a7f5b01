"""Everything else that compiled code takes as it is: centres, matrices, generators of numbers."""

from typing import Any, Final

import numpy as np

from mlserve_sklearn.sound.objects import features_of, has, require, require_matrix


def require_own_methods(found: Any) -> None:
    """Raises BundleError where a file puts something in the place of a method, such as one that checks a width."""
    if type(found).__module__.partition(".")[0] == "sklearn":
        for name in getattr(found, "__dict__", {}):
            require(
                not callable(getattr(type(found), name, None)),
                f"The {type(found).__name__} in the model has a {name} of its own in place of the method.",
            )


def _check_reading(model: Any) -> None:
    require(
        getattr(model, "input", "content") == "content",
        "The model reads files that its callers name (input = file): save it with input = content.",
    )


def _check_centres(model: Any) -> None:
    if has(model, "cluster_centers_"):
        require_matrix(model, "cluster_centers_", columns=features_of(model))


def _check_bisections(model: Any) -> None:
    """Each node of the tree has the centre that its half of the instances is nearest to."""
    if not has(model, "_bisecting_tree"):
        return
    features, waiting, seen = features_of(model), [model._bisecting_tree], set()
    while waiting:
        node = waiting.pop()
        require(
            id(node) not in seen and np.shape(node.center) == (features,),
            "The tree of the model's centres contradicts itself.",
        )
        seen.add(id(node))
        waiting += [part for part in (node.left, node.right) if part is not None]


def _check_birch(model: Any) -> None:
    if has(model, "subcluster_centers_"):
        require_matrix(model, "subcluster_centers_", columns=features_of(model))
        require(
            np.shape(model._subcluster_norms) == (len(model.subcluster_centers_),),
            "The clusters of the model are not as many as it has measured.",
        )


def _check_covariance(model: Any) -> None:
    for name in ("covariance_", "precision_"):
        if has(model, name):
            require_matrix(model, name, features_of(model), features_of(model))


def _check_components(model: Any) -> None:
    for name in ("components_", "exp_dirichlet_component_"):
        if has(model, name):
            require_matrix(model, name, len(model.components_), features_of(model))


def _check_generator(generator: Any) -> None:
    """Where in its numbers a generator stands."""
    state = generator.get_state(legacy=False) if hasattr(generator, "get_state") else generator.bit_generator.state
    inner = state["state"] if isinstance(state["state"], dict) else {}
    require(
        0 <= inner.get("pos", 0) <= 624 and 0 <= state.get("buffer_pos", 0) <= 4,
        "A generator of random numbers in the model stands outside of its numbers.",
    )


CHECKS: Final = {
    "_VectorizerMixin": _check_reading,
    "_BaseKMeans": _check_centres,
    "BisectingKMeans": _check_bisections,
    "Birch": _check_birch,
    "EmpiricalCovariance": _check_covariance,
    "LatentDirichletAllocation": _check_components,
    "_BaseNMF": _check_components,
    "RandomState": _check_generator,
    "Generator": _check_generator,
}
