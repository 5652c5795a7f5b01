"""Which family reads a file, and which plugin brought it."""

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.errors import ConfigurationError
from mlserve.inference.families import Families


class Other(LinearFamily):
    name = "other"


def test_a_file_finds_the_one_family_that_reads_it() -> None:
    made = Families()
    with pytest.raises(ConfigurationError, match=r"the\.key is a \.linear file.*none is enabled"):
        made.reading(".linear", "the.key")
    made.add(LinearFamily(), "plugin 1")
    assert made.reading(".linear", "the.key").name == "linear"
    assert made.reading(".LINEAR", "the.key").name == "linear"
    with pytest.raises(ConfigurationError, match=r"the\.key is a \.onnx file.*linear reads \.linear"):
        made.reading(".onnx", "the.key")
    with pytest.raises(ConfigurationError, match="a file without a suffix"):
        made.reading("", "the.key")
    made.add(Other(), "plugin 2")
    with pytest.raises(ConfigurationError, match="more than one enabled family reads: linear, other"):
        made.reading(".linear", "the.key")


def test_a_family_knows_its_plugin() -> None:
    made = Families()
    made.add(LinearFamily(), "plugin 1")
    made.add(Other(), "plugin 2")
    assert [family.name for family in made] == ["linear", "other"]
    assert (made.plugin_of("other"), made.of_plugin("plugin 1"), made.of_plugin("plugin 3")) == (
        "plugin 2",
        ["linear"],
        [],
    )
    assert made.get("other") is not None
    assert made.get("neither") is None
