"""Keeps scikit-learn from using threads and processes of its own."""

from typing import Any

from mlserve_sklearn.sound import objects_in


def work_alone(model: Any) -> None:
    """Every part computes in the thread that asks it.

    Pools of threads and processes cost a single row more than they bring, and a process that is forked after one was
    used may hang in its first prediction.
    """
    for found in objects_in(model):
        parameters = getattr(found, "__dict__", {})
        for name in ("n_jobs", "_n_threads"):  # The second is what KMeans had in training.
            if name in parameters:
                setattr(found, name, 1)
        if type(found).__name__ == "Booster" and hasattr(found, "set_param"):  # Of XGBoost.
            found.set_param({"nthread": 1})
