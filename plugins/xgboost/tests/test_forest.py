"""The trees as they are told: what the library dumps, with the signature's names."""

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import xgboost
from xgboost_zoo import CITIES, FRAME, MATRIX, RECIPES, to_dmatrix

from mlserve.errors import BundleError, NotSupported
from mlserve.signature import complete
from mlserve.trees import drawing as drawings
from mlserve.trees import tree as forests
from mlserve.trees.drawing import condition_of, drawing
from mlserve_xgboost.forest import Forest
from mlserve_xgboost.model_file import parse

SVG = "{http://www.w3.org/2000/svg}"
TREES = [name for name, recipe in RECIPES.items() if recipe.params.get("booster") != "gblinear"]
VECTOR_LEAVES = [name for name, recipe in RECIPES.items() if recipe.params.get("multi_strategy")]


@pytest.fixture
def forest(zoo, load, family):
    """The forest of a model of the zoo, and the signature that it is told with."""

    def forest(name: str, sidecar: dict | None = None):
        path = zoo(name).path
        signature = complete(family.inspect(path), sidecar or {})
        return load(path, signature).forest(), signature

    return forest


def nodes_of(node: dict) -> list[dict]:
    return [node] if "leaf" in node else [node, *nodes_of(node["yes"]), *nodes_of(node["no"])]


def assert_same(told: dict, dumped: dict, names: dict[str, tuple[str, ...]], types: dict[str, str]) -> None:
    """A node and all below it are the library's; numbers to the digits that its dump has."""
    assert told["id"] == dumped["nodeid"]
    assert told["cover"] == pytest.approx(dumped["cover"], rel=1e-6)
    if "leaf" in dumped:
        assert told["leaf"] == pytest.approx(dumped["leaf"], rel=1e-6)
        return
    assert told["field"] == dumped["split"]
    assert told["gain"] == pytest.approx(dumped["gain"], rel=1e-6)
    kind = types.get(told["field"], "float32")
    if kind == "category":
        assert told["among"] == [names[told["field"]][code] for code in dumped["split_condition"]]
    elif kind == "int64":  # The dump rounds up, which for whole numbers is the same question.
        assert math.ceil(told["below"]) == dumped["split_condition"]
    elif kind == "bool":  # The dump asks whether it is so, and does not say what becomes of a missing one.
        assert told["below"] == 1
    else:
        assert told["below"] == pytest.approx(dumped["split_condition"], rel=1e-6)
    if kind != "bool":
        assert told["yes"]["id"] == dumped["yes"]
        assert told["no"]["id"] == dumped["no"]
        assert told[told["missing"]]["id"] == dumped["missing"]
    children = {child["nodeid"]: child for child in dumped["children"]}
    for way in ("yes", "no"):
        assert_same(told[way], children[told[way]["id"]], names, types)


@pytest.mark.parametrize("name", [name for name in TREES if name not in VECTOR_LEAVES])
def test_every_tree_is_the_one_that_the_library_dumps(name, forest, zoo):
    trees, signature = forest(name)
    dumps = zoo(name).reference().get_dump(dump_format="json", with_stats=True)
    assert len(trees.trees) == len(dumps)
    names = {field.name: field.categories for field in signature.inputs}
    types = {field.name: field.type for field in signature.inputs}
    for tree, dump in zip(trees.trees, dumps, strict=True):
        assert_same(tree.root(signature), json.loads(dump), names, types)


@pytest.mark.parametrize("name", TREES)
def test_walking_the_trees_gives_the_margin(name, forest, zoo):
    """Whatever is told of a tree, following it leads to the library's own numbers, missing values and all."""
    trees, signature = forest(name)
    animal = zoo(name)
    rows = [dict(zip(signature.names, row, strict=True)) for row in animal.rows()[:40]]
    booster = animal.reference()
    matrix = to_dmatrix(animal.data()[:40])
    best = booster.attr("best_iteration")
    span = (0, 0 if best is None else int(best) + 1)
    margin = booster.predict(matrix, iteration_range=span, output_margin=True, strict_shape=True)
    added = np.zeros(margin.shape)
    for tree in trees.trees:
        if tree.used:
            root = tree.root(signature)
            block = slice(None) if tree.block is None else tree.block
            added[:, block] += tree.weight * np.array([walked(root, row) for row in rows])
    base = margin - added
    np.testing.assert_allclose(base, base[:1].repeat(len(base), 0), atol=2e-5)


def walked(node: dict, row: dict):
    while "leaf" not in node:
        value = row[node["field"]]
        if value is None:
            way = node["missing"]
        elif "among" in node:
            way = "yes" if value in node["among"] else "no"
        else:
            way = "yes" if np.float32(value) < np.float32(node["below"]) else "no"
        node = node[way]
    return node["leaf"]


def test_rounds_blocks_and_what_is_used(forest, zoo):
    fruits = ["apple", "banana", "cherry"]
    trees, _ = forest("early-softprob", {"outputs": [{"name": "probability", "categories": fruits}]})
    used = zoo("early-softprob").reference().best_iteration + 1
    assert [tree.round for tree in trees.trees] == [number // 3 for number in range(len(trees.trees))]
    assert [(tree.block, tree.name) for tree in trees.trees[:4]] == [*enumerate(fruits), (0, "apple")]
    assert [tree.used for tree in trees.trees] == [tree.round < used for tree in trees.trees]
    assert not trees.trees[-1].used
    assert [tree.round for tree in forest("forest")[0].trees] == [number // 4 for number in range(32)]
    weights = forest("dart")[0].trees
    assert any(tree.weight != 1 for tree in weights)
    assert {tree.block for tree in forest("two-targets-vector-leaves")[0].trees} == {None}


def test_files_of_older_versions_say_no_rounds(zoo, family):
    raw = zoo("softprob-3").reference().save_raw("json")
    document = json.loads(raw)
    del document["learner"]["gradient_booster"]["model"]["iteration_indptr"]
    older = json.dumps(document).encode()
    trees = Forest(older, parse(older), family.inspect(zoo("softprob-3").path)).trees
    assert [tree.round for tree in trees] == [number // 3 for number in range(24)]


def test_categories_that_the_model_knows_as_numbers_have_their_names(zoo, load, family, tmp_path):
    """A signature may name the codes that somebody counted before training: then splits say the names too."""
    codes = FRAME.city.cat.codes.to_numpy(np.float32).reshape(-1, 1)
    path = tmp_path / "counted.ubj"
    matrix = xgboost.DMatrix(codes, codes[:, 0] >= 2, feature_names=["city"], nthread=1)
    xgboost.train({"nthread": 1, "max_depth": 1}, matrix, 1).save_model(path)
    city = {"name": "city", "type": "category", "categories": list(CITIES)}
    signature = complete(family.inspect(path), {"inputs": [city]})
    (tree,) = load(path, signature).forest().trees
    assert tree.root(signature)["among"] == list(CITIES[:2])


def test_a_linear_model_has_no_trees(load, zoo):
    with pytest.raises(NotSupported, match="has no trees"):
        load(zoo("linear").path).forest()


def test_the_trees_are_those_of_the_loaded_file(load, zoo, tmp_path):
    path = Path(tmp_path / "model.ubj")
    path.write_bytes(zoo("squarederror").path.read_bytes())
    changed, gone, read_before = load(path), load(path), load(path)
    trees = read_before.forest()
    path.write_bytes(zoo("absoluteerror").path.read_bytes())
    with pytest.raises(BundleError, match=r"model\.ubj has changed since it was loaded"):
        changed.forest()
    path.unlink()
    with pytest.raises(BundleError, match=r"model\.ubj cannot be read: No such file"):
        gone.forest()
    assert read_before.forest() is trees


def test_a_huge_tree_is_not_told(forest, monkeypatch):
    trees, signature = forest("deep")
    nodes = sum(level.size for level in trees.trees[0].levels())
    monkeypatch.setattr(forests, "MAX_NODES", nodes - 1)
    with pytest.raises(NotSupported, match=f"Tree 0 has {nodes} nodes"):
        trees.trees[0].root(signature)
    monkeypatch.setattr(forests, "MAX_NODES", nodes)
    monkeypatch.setattr(forests, "MAX_DEPTH", 3)
    with pytest.raises(NotSupported, match="on 3 levels"):
        trees.trees[0].root(signature)


@pytest.fixture
def drawn(forest):
    """A drawing of a model's first tree, as XML, and the root that it shows."""

    def drawn(name: str, title: str = "A tree", sidecar: dict | None = None):
        trees, signature = forest(name, sidecar)
        root = trees.trees[0].root(signature)
        text = drawing(trees.trees[0], root, title)
        return ElementTree.fromstring(text.encode()), root, text

    return drawn


@pytest.mark.parametrize("name", TREES)
def test_a_drawing_has_a_box_for_each_node_and_two_edges_for_each_split(name, drawn):
    svg, root, _ = drawn(name)
    nodes = nodes_of(root)
    boxes = svg.findall(f"{SVG}g")
    assert len(boxes) == len(nodes)
    assert len(svg.findall(f"{SVG}path")) == len(nodes) - 1
    asked = {condition_of(node) for node in nodes if "leaf" not in node}
    titles = [box.findtext(f"{SVG}title") for box in boxes]
    assert all(any(title.startswith(f"{question}, gain ") for title in titles) for question in asked)
    width, height = float(svg.get("width")), float(svg.get("height"))
    places = [tuple(float(box.find(f"{SVG}rect").get(key)) for key in ("x", "y", "width", "height")) for box in boxes]
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in places)
    # No two boxes cover each other.
    for at, (x, y, w, h) in enumerate(places):
        for x2, y2, w2, h2 in places[:at]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_a_drawing_needs_no_style_and_no_script(drawn):
    svg, _, text = drawn("frame-partition")
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} == {"svg", "title", "g", "rect", "text", "path"}
    attributes = {name for element in svg.iter() for name in element.attrib}
    assert not [name for name in attributes if name == "style" or name.startswith(("on", "href", "{"))]
    # The colours are the system's: whatever the page is like, ink and paper go together.
    assert set(re.findall(r'(?:fill|stroke)="(\w+)"', text)) == {"Canvas", "CanvasText", "none"}


HOSTILE = [
    "</text><script>alert(1)</script>",
    "\"'onload=x",
    "&amp;<b>",
    "a\u202eb\x01\x1f\ufffe",
    "名" * 40,
    "x" * 5000,
]


def test_hostile_names_stay_text(zoo, load, family, tmp_path):
    path = tmp_path / "hostile.ubj"
    names = HOSTILE
    matrix = MATRIX.copy()
    xgboost.train(
        {"nthread": 1, "max_depth": 6}, xgboost.DMatrix(matrix, np.nan_to_num(matrix).sum(1), nthread=1), 1
    ).save_model(path)
    signature = complete(family.inspect(path), {"inputs": [{"name": f"f{at}"} for at in range(6)]})
    document = signature.to_json()
    for field, name in zip(document["inputs"], names, strict=True):
        field["name"] = name
    signature = type(signature).from_json(document)
    (tree,) = load(path, signature).forest().trees
    root = tree.root(signature)
    assert {node["field"] for node in nodes_of(root) if "leaf" not in node} == set(names)
    svg = ElementTree.fromstring(drawing(tree, root, HOSTILE[0]).encode())
    assert {element.tag.removeprefix(SVG) for element in svg.iter()} == {"svg", "title", "g", "rect", "text", "path"}
    assert svg.findtext(f"{SVG}title") == HOSTILE[0]
    said = [box.findtext(f"{SVG}title") for box in svg.findall(f"{SVG}g")]
    assert any(text.startswith("</text><script>alert(1)</script> < ") for text in said)
    assert any(text.startswith("a\ufffdb\ufffd\ufffd\ufffd < ") for text in said)
    assert max(map(len, said)) <= 501
    assert max(len(text.text) for text in svg.iter(f"{SVG}text")) < 40


def test_a_drawing_of_thousands_of_nodes_is_refused(drawn, monkeypatch):
    monkeypatch.setattr(drawings, "MAX_NODES", 14)
    with pytest.raises(NotSupported, match="Tree 0 has 15 nodes, and a drawing at most 14: ask for application/json"):
        drawn("squarederror")
