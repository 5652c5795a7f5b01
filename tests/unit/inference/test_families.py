"""Which family reads a file, and which plugin brought it."""

from pathlib import Path
from typing import Any

import pytest
from mlserve_linear.family import LinearFamily

from mlserve.errors import ConfigurationError, SignatureError
from mlserve.inference.families import Families, inspected


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


@pytest.mark.parametrize("formats", ["means", ".means", ("means",), [".means"], (1,)])
def test_formats_are_a_tuple_of_suffixes(formats: Any) -> None:
    class Means(LinearFamily):
        name = "means"

    Means.formats = formats
    with pytest.raises(ConfigurationError, match=r"formats must be a tuple of suffixes, each with its dot"):
        Families().add(Means(), "plugin 1")


def test_what_inspect_gives_is_a_signature() -> None:
    class Means(LinearFamily):
        name = "means"

        def inspect(self, path: Path) -> Any:
            return {"inputs": []}

    with pytest.raises(SignatureError, match=r"inspect\(\) of the family 'means' gives a dict"):
        inspected(Means(), Path("a.means"))
