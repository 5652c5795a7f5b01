"""The work of an explanation, told by the shape of the trees."""

import json

import numpy as np
import pytest
import xgboost
from xgboost_zoo import RECIPES

from mlserve_xgboost.family import XGBoostFamily
from mlserve_xgboost.model_file import read
from mlserve_xgboost.structure import work_of_paths


def squares(node: dict, features: int, depth: int = 0) -> int:
    if "leaf" in node:
        return min(depth, features) ** 2
    return sum(squares(child, features, depth + 1) for child in node["children"])


@pytest.mark.parametrize("name", [name for name in RECIPES if not RECIPES[name].params.get("multi_strategy")])
def test_the_work_is_that_of_the_library_s_trees(name, zoo):
    file = read(zoo(name).path)
    if file.booster == "gblinear":
        assert file.explaining_work == 0
        return
    trees = xgboost.Booster(model_file=zoo(name).path).get_dump(dump_format="json")
    assert file.explaining_work == sum(squares(json.loads(tree), file.features) for tree in trees)


def test_no_tree_and_a_tree_too_deep_are_no_work():
    assert work_of_paths([], 3, 256) == 0
    deep = {"left_children": [1, -1, 3, -1, -1], "right_children": [2, -1, 4, -1, -1]}
    assert work_of_paths([deep, {"left_children": [-1], "right_children": [-1]}], 9, 256) == 1 + 2 * 4
    assert work_of_paths([deep], 1, 256) == 3
    assert work_of_paths([deep], 9, 1) == 1


def test_large_trees_take_longer_than_small_ones(tmp_path):
    random = np.random.default_rng(0)
    data = xgboost.DMatrix(random.normal(size=(4000, 6)), random.normal(size=4000))
    family, seconds = XGBoostFamily(), []
    for leaves in (8, 3000):
        params = {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": leaves, "nthread": 1, "min_child_weight": 0}
        xgboost.train(params, data, 2).save_model(path := tmp_path / f"{leaves}.ubj")
        predictor = family.load(path, family.inspect(path), {"threads": 1})
        seconds.append(predictor.explain_seconds)
        predictor.close()
    assert 0 < seconds[0] < 0.0001
    assert 0.002 < seconds[1] < 0.1
