from xml.etree import ElementTree

import pytest

from mlserve.xml_text import writable


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1b", "\ud800", "\ufffe", "\uffff"])
def test_what_xml_cannot_write_is_replaced(character: str) -> None:
    assert writable(f"a{character}b") == "a\ufffdb"


def test_all_else_is_read_back_as_it_is() -> None:
    text = "\t\n x\x85\u2028\ud7ff\ue000\ufffd\U00010000\U0010ffff <&>"
    element = ElementTree.Element("a")
    element.text = writable(text)
    assert ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8")).text == text
