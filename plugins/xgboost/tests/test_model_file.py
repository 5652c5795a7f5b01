"""Reading a model file: what it says, and one clear sentence for each way in which it can be wrong."""

import json

import pytest
from xgboost_zoo import chained

from mlserve.errors import BundleError
from mlserve_xgboost.model_file import parse, read


@pytest.fixture
def document(zoo):
    """A model of the zoo as a JSON value, free to be damaged."""

    def document(name):
        return json.loads(zoo(name).reference().save_raw("json"))

    return document


@pytest.fixture
def refusal(tmp_path):
    """The sentence with which a document is refused."""

    def refusal(value) -> str:
        path = tmp_path / "model.json"
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        with pytest.raises(BundleError) as refused:
            read(path)
        sentence = str(refused.value)
        assert sentence.startswith("model.json is not a sound XGBoost model in UBJSON or JSON: ")
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return refusal


def model_of(document):
    gradient = document["learner"]["gradient_booster"]
    return gradient.get("gbtree", gradient)["model"]


def test_says_what_is_in_the_file(zoo):
    file = read(zoo("early-softprob").path)
    booster = zoo("early-softprob").reference()
    assert (file.booster, file.objective, file.classes, file.targets) == ("gbtree", "multi:softprob", 3, 1)
    assert file.rounds == booster.num_boosted_rounds()
    assert file.best_iteration == booster.best_iteration
    assert file.used_rounds == booster.best_iteration + 1
    assert file.raw == zoo("early-softprob").path.read_bytes()


@pytest.mark.parametrize(("name", "rounds"), [("forest", 8), ("two-targets", 8), ("two-targets-vector-leaves", 8)])
def test_counts_rounds_not_trees(name, rounds, zoo, document):
    assert read(zoo(name).path).rounds == rounds
    older = document(name)
    if name != "two-targets-vector-leaves":  # Which XGBoost 1.x did not have.
        del model_of(older)["iteration_indptr"]
        assert parse(json.dumps(older).encode()).rounds == rounds


def test_knows_the_highest_code_of_each_split(zoo):
    highest = read(zoo("frame-partition").path).highest_codes
    assert highest[1:4] == (-1, -1, -1)
    assert 0 <= highest[0] < 5
    assert 0 <= highest[4] < 3


def test_reads_what_older_versions_wrote(document):
    """Before 3.1 base_score was one number and there were no categories; before 1.3 no splits by category."""
    older = document("binary-logistic")
    older["learner"]["learner_model_param"]["base_score"] = "5E-1"
    del older["learner"]["learner_model_param"]["num_target"]
    del model_of(older)["cats"]
    for tree in model_of(older)["trees"]:
        tree["default_left"] = [bool(flag) for flag in tree["default_left"]]
        tree["tree_param"]["size_leaf_vector"] = "0"
        for key in ("split_type", "categories", "categories_nodes", "categories_segments", "categories_sizes"):
            del tree[key]
    assert parse(json.dumps(older).encode()).rounds == 8


def test_spaces_in_json_do_not_matter(document):
    assert parse(json.dumps(document("json"), indent=2).encode()).classes == 3


def test_a_stale_best_iteration_of_a_linear_model_is_no_harm(document):
    linear = document("linear")
    linear["learner"]["attributes"]["best_iteration"] = "99"
    assert parse(json.dumps(linear).encode()).best_iteration is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "does not begin with {"),
        (b"binf\0\0", "older binary format is not supported"),
        (b"\x80\x04\x95pickle", "does not begin with {"),
        (b"{}", "has no learner"),
        (b"{", "cut short"),
        (b'{"learner"', "Expecting"),
        (b'{"learner": {}}', "has no learner_model_param"),
        (b'{"learner": []}', "a part of it has the wrong type"),
        (b'{"learner": 1, "learner": 1}', "a key is there twice"),
        (b'{"a": ' + b"[" * 200_000, "nested too deep"),
        (b'{"\xff": 1}', "UTF-8"),
    ],
)
def test_refuses_other_files(content, sentence, refusal):
    assert sentence in refusal(content)


@pytest.mark.parametrize("name", ["frame-partition", "two-targets-vector-leaves", "dart", "linear"])
def test_refuses_a_file_cut_short_anywhere(name, zoo):
    raw = zoo(name).path.read_bytes()
    for end in [*range(0, len(raw), max(len(raw) // 200, 1)), len(raw) - 1]:
        with pytest.raises((ValueError, KeyError)):
            parse(raw[:end])


LEARNER = ("learner",)
SHAPE = ("learner", "learner_model_param")
MODEL = ("learner", "gradient_booster", "model")
TREE = (*MODEL, "trees", 0)


@pytest.mark.parametrize(
    ("name", "path", "value", "sentence"),
    [
        ("softprob-3", (*SHAPE, "num_feature"), "99999999999", "not between 1 and 100000"),
        ("softprob-3", (*SHAPE, "num_feature"), "5", "number of features is not the model's"),
        ("softprob-3", (*SHAPE, "num_feature"), 6.0, "num_feature is not a whole number"),
        ("softprob-3", (*SHAPE, "num_class"), "2", "base_score has 3 values and needs 2"),
        ("softprob-3", (*MODEL, "tree_info"), [3] * 24, "a tree belongs to an output that the model does not have"),
        ("softprob-3", (*LEARNER, "objective", "softmax_multiclass_param", "num_class"), "4", "different numbers of"),
        ("softprob-3", (*SHAPE, "num_target"), "2", "several classes and several targets"),
        ("softprob-3", (*SHAPE, "base_score"), "[1,2]", "base_score has 2 values and needs 3"),
        ("softprob-3", (*SHAPE, "base_score"), [0, 0, 0], "base_score is not a text"),
        ("softprob-3", (*LEARNER, "feature_names"), ["a"], "feature_names does not hold 6 texts"),
        ("softprob-3", (*LEARNER, "feature_types"), [1] * 6, "feature_types does not hold 6 texts"),
        ("softprob-3", (*LEARNER, "gradient_booster", "name"), "gbforest", "'gbforest' is not one of"),
        ("softprob-3", (*MODEL, "gbtree_model_param", "num_trees"), "23", "the number of its trees"),
        ("softprob-3", (*MODEL, "tree_info"), [0] * 23, "tree_info has 23 values and needs 24"),
        ("softprob-3", (*MODEL, "iteration_indptr"), [0, 30, 24], "boosting rounds do not add up"),
        ("softprob-3", (*TREE, "id"), 1, "not numbered one after the other"),
        ("softprob-3", (*TREE, "tree_param", "num_nodes"), "1000000", "left_children has"),
        ("softprob-3", (*TREE, "tree_param", "size_leaf_vector"), "-1", "some of its leaves are vectors"),
        ("softprob-3", (*TREE, "left_children", 0), 999, "a child is outside the tree"),
        ("softprob-3", (*TREE, "left_children", 0), -7, "a child is outside the tree"),
        ("softprob-3", (*TREE, "left_children", 1), 0, "a child is outside the tree"),
        ("softprob-3", (*TREE, "left_children", 1), 1, "do not form a tree"),
        ("softprob-3", (*TREE, "right_children", 0), 1, "do not form a tree"),
        ("softprob-3", (*TREE, "split_indices", 0), 6, "a feature that the model does not have"),
        ("softprob-3", (*TREE, "split_indices", 0), 2**31, "a feature that the model does not have"),
        ("softprob-3", (*TREE, "split_conditions"), [], "split_conditions has 0 values"),
        ("softprob-3", (*TREE, "base_weights", 0), "x", "base_weights is not a list of numbers"),
        ("softprob-3", (*TREE, "default_left", 0), 0.5, "default_left is not a list of whole numbers"),
        ("softprob-3", (*TREE, "split_type", 0), 1, "a split by category has no categories"),
        ("softprob-3", (*TREE, "split_type", 0), 2, "neither by number nor by category"),
        ("frame-partition", (*MODEL, "cats", "feature_segments", 1), 4, "categories do not add up"),
        ("frame-partition", (*MODEL, "cats", "sorted_idx", 0), 99, "categories do not add up"),
        ("frame-partition", (*MODEL, "cats", "enc"), [], None),
        ("frame-partition", (*MODEL, "cats", "enc", 0, "offsets", 1), 99, "a category's name is not in the file"),
        ("two-targets-vector-leaves", (*TREE, "leaf_weights"), [0.0, 0.0], "a leaf has no values"),
        ("early", (*LEARNER, "attributes", "best_iteration"), "500", "its best iteration is 500, and it has"),
        ("early", (*LEARNER, "attributes", "best_iteration"), "-1", "its best iteration is -1"),
        ("early", (*LEARNER, "attributes", "best_iteration"), "soon", "best_iteration is not a whole number"),
        ("linear", (*MODEL, "weights"), [0.0], "weights has 1 values and needs 7"),
        ("dart", (*LEARNER, "gradient_booster", "weight_drop"), [1.0], "weight_drop has 1 values and needs 8"),
        (
            "quantile-3",
            (*LEARNER, "objective", "quantile_loss_param", "quantile_alpha"),
            "[0.1]",
            "quantile_alpha has 1 values and needs 3",
        ),
    ],
)
def test_refuses_a_file_that_contradicts_itself(name, path, value, sentence, document, refusal):
    damaged = document(name)
    place = damaged
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if sentence is None:
        assert parse(json.dumps(damaged).encode()).categories == (None,) * 5
    else:
        assert sentence in refusal(damaged)


@pytest.mark.parametrize("key", ["categories_sizes", "categories_segments", "categories"])
def test_refuses_categories_outside_the_file(key, document, refusal):
    damaged = document("frame-partition")
    tree = next(tree for tree in model_of(damaged)["trees"] if tree["categories"])
    tree[key][0] = 2**30
    assert "categor" in refusal(damaged)


def test_vector_leaves_of_older_versions_are_named_as_such(document, refusal):
    older = document("two-targets-vector-leaves")
    for tree in model_of(older)["trees"]:
        del tree["leaf_weights"], tree["loss_changes"], tree["sum_hessian"]
    assert "as XGBoost wrote them before 3.2" in refusal(older)


def test_refuses_a_tree_so_deep_that_the_library_s_stack_overflows(document, refusal):
    assert "deeper than 10000 levels" in refusal(chained(document("squarederror"), 10_001))


def test_knows_trees_too_deep_to_explain(document):
    for levels, deep in ((256, False), (257, True)):
        assert parse(json.dumps(chained(document("squarederror"), levels)).encode()).deep is deep
