"""Looks through a loaded model for what compiled code would follow blindly: places in trees, sizes of arrays.

skops proves which types a file is made of, not what they hold. A tree whose child is outside of it, or centres of
another width than the instances, would end or hang the process at a prediction. What is written in Python and NumPy
looks itself; the rest is checked here, by the classes that call it.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from mlserve.errors import BundleError
from mlserve_sklearn.sound import asked, parts, sparse, support, trees
from mlserve_sklearn.sound.objects import objects_in

__all__ = ["objects_in", "require_sound", "require_sound_answers"]

# By the names of classes: whoever derives from one calls the same compiled code.
_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    **trees.CHECKS,
    **support.CHECKS,
    **sparse.CHECKS,
    **parts.CHECKS,
}


# Each column becomes a field: a file that only says to have a million of them would take the start for minutes.
MOST_COLUMNS: Final = 20_000


def require_sound(model: Any) -> None:
    """Raises BundleError for the first object that contradicts itself. Nothing of the model is run."""
    columns = getattr(model, "n_features_in_", None)
    if columns is not None and not (isinstance(columns, int | np.integer) and 0 <= columns <= MOST_COLUMNS):
        raise BundleError(f"The model says that it takes {columns!r:.40} columns, not a number up to {MOST_COLUMNS:,}.")
    for found in objects_in(model):
        parts.require_own_methods(found)
        for kind in type(found).__mro__:
            if kind.__name__ in _CHECKS and kind.__module__.partition(".")[0] in ("sklearn", "scipy", "numpy"):
                _CHECKS[kind.__name__](found)


def require_sound_answers(model: Any) -> None:
    """Raises BundleError where one part of a sound model answers another in a size that nobody looks at.

    Such parts are asked for an instance, which those inside of others come first for.
    """
    waiting = [found for found in objects_in(model) if asked.check_of(found) is not None]
    for found in sorted(waiting, key=lambda found: sum(1 for _ in objects_in(found))):
        check = asked.check_of(found)
        assert check is not None
        check(found)
