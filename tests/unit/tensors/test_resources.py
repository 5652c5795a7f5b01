"""What the address of a tensor model's description tells; that it answers, the plugins' own tests say."""

import pytest

from mlserve.api.context import ModelContext
from mlserve.errors import ModelNotReady
from mlserve.inference import LiveModel
from mlserve.tensors import INSTANCES, Description, describing


class Context(ModelContext):
    def __init__(self, model: LiveModel) -> None:
        self.model = model


def test_without_a_version_that_answers_there_is_nothing_to_tell() -> None:
    with pytest.raises(ModelNotReady, match="it is damaged"):
        Description(None, Context(LiveModel("fruit", "onnx", reason="it is damaged"))).get()  # type: ignore[arg-type]


def test_the_operation_names_the_version_and_what_an_instance_is() -> None:
    operation = describing("The tensors", {"inputs": {"type": "array"}})
    answer = operation.answer
    assert isinstance(answer, dict)
    assert answer["required"] == ["model", "version", "digest", "instance", "inputs"]
    assert answer["properties"]["instance"]["enum"] == [*INSTANCES]
    assert operation.problems == ("model_not_ready",)
