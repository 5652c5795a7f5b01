"""Trees told as nested nodes, and drawn."""

import xml.etree.ElementTree as ElementTree

import pytest

from mlserve.errors import NotSupported
from mlserve.trees import drawing, tree
from tests.unit.trees.oak import SIGNATURE, Oak


def test_nodes_are_nested_with_the_names_of_the_signature() -> None:
    root = Oak().root(SIGNATURE)
    assert (root["field"], root["at_most"], root["yes"]["leaf"]) == ("height", 1.5, 0.5)
    assert (root["no"]["field"], root["no"]["among"]) == ("wood", ["oak"])


def test_a_tree_too_large_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSupported, match="Tree 7 has 203 nodes on 102 levels"):
        Oak(7, depth=101).root(SIGNATURE)
    monkeypatch.setattr(tree, "MAX_NODES", 4)
    with pytest.raises(NotSupported, match="told up to 4 nodes"):
        Oak().root(SIGNATURE)


def test_a_drawing_has_a_box_for_each_node_and_no_script() -> None:
    drawn = drawing.drawing(Oak(), Oak().root(SIGNATURE), "Tree <0>\x00")
    svg = ElementTree.fromstring(drawn)
    texts = [element.text for element in svg.iter() if element.tag.endswith("title")]
    assert texts[0] == "Tree <0>\N{REPLACEMENT CHARACTER}"
    assert len(texts) == 1 + 5
    assert "height ≤ 1.5" in drawn
    assert "wood in oak" in drawn
    assert "<script" not in drawn
    assert "style" not in drawn


def test_a_tree_with_many_nodes_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MAX_NODES", 4)
    with pytest.raises(NotSupported, match="Tree 0 has 5 nodes, and a drawing at most 4"):
        drawing.drawing(Oak(), Oak().root(SIGNATURE), "title")
