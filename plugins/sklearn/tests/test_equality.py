"""Every answer is the library's own, to the bit, in its own type: over models of every kind."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn_zoo

from mlserve.registry import bringing
from mlserve.signature import Decoder, OutputEncoder, Signature
from mlserve_sklearn.family import SklearnFamily
from mlserve_sklearn.outputs import methods_of, useful

SETTINGS = {"trusted": (), "outputs": ()}


def asked(signature: Signature, instances: list[Any]) -> Any:
    return Decoder(signature, max_instances=1000, max_problems=3).decode(json.dumps(instances).encode(), None)


def own_answers(animal: sklearn_zoo.Animal, rows: Any) -> dict[str, Any]:
    found = {}
    for name, method in useful(methods_of(animal.model)).items():
        answer = getattr(animal.model, method)(rows)
        parts = {f"{name}_{at}": part for at, part in enumerate(answer)} if isinstance(answer, list) else {name: answer}
        found.update({part: np.asarray(value) for part, value in parts.items()})
    return found


def same(one: Any, other: Any) -> bool:
    if other.dtype.kind in "OU":
        return one.tolist() == other.tolist()
    return one.dtype == other.dtype and one.tobytes() == np.ascontiguousarray(other).tobytes()


@pytest.mark.parametrize("name", sklearn_zoo.ZOO)
def test_answers_are_the_library_s_to_the_bit(name: str, tmp_path: Path) -> None:
    animal, family = sklearn_zoo.animal(name), SklearnFamily()
    path = animal.save(tmp_path)
    signature = bringing.inspect(family, path)
    predictor = family.load(path, signature, SETTINGS)

    answered = predictor.predict(asked(signature, animal.instances))
    expected = own_answers(animal, animal.rows)
    assert answered.keys() == expected.keys() == {output.name for output in signature.outputs}
    assert [output for output in expected if not same(answered[output], expected[output])] == []
    OutputEncoder(signature).encode(answered, len(animal.instances))

    one = predictor.predict(asked(signature, animal.instances[:1]))
    alone = own_answers(animal, animal.rows[:1])
    assert [output for output in alone if not same(one[output], alone[output])] == []
    predictor.close()


def test_packaging_asks_the_library_itself(tmp_path: Path) -> None:
    animal, family = sklearn_zoo.animal("flights"), SklearnFamily()
    path = animal.save(tmp_path)
    signature = bringing.inspect(family, path)
    batch = asked(signature, animal.instances)
    reference = family.reference(path, signature, batch)
    answered = family.load(path, signature, SETTINGS).predict(batch)
    assert all(same(answered[name], reference[name]) for name in ("label", "probability"))
