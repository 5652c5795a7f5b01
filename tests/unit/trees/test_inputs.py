"""Which signatures a model of trees can answer."""

import pytest

from mlserve.errors import SignatureError
from mlserve.signature import NUMBERS, Field, Signature
from mlserve.trees import Inputs

TAKES = {"float64": NUMBERS | {"category"}, "category": frozenset({"category"})}
OWN = (Field("a", "float64"), Field("b", "category", categories=("x", "y")))
NATIVE = Field("a", "category", categories=("p", "q"), unknown="native")


def require(*fields: Field, named: bool = True, own: tuple[Field, ...] = OWN, highest: int = 1) -> None:
    counts = [len(field.categories) or None for field in own]
    Inputs(own, named, TAKES, counts, [-1, highest]).require(Signature(fields, ()))


def test_what_the_model_says_is_taken_and_what_is_narrower_too() -> None:
    require(*OWN)
    require(Field("a", "int8"), OWN[1])
    require(Field("p", "float64"), Field("q", "category", categories=("x", "y")), named=False)
    require(OWN[0], Field("b", "category", categories=("p", "q", "r")), own=(OWN[0], Field("b", "category")))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ((OWN[0],), "The signature has 1 inputs, and the model has 2"),
        ((Field("z", "float64"), OWN[1]), "Input 0 of the signature is 'z', and the model's is 'a'"),
        ((Field("a", "string"), OWN[1]), "is string, and the model takes it as float64"),
        ((Field("a", "float64", (2,)), OWN[1]), "is a tensor"),
        ((OWN[0], Field("b", "category", categories=("y", "x"))), "are not the model's, in the model's order"),
        ((NATIVE, OWN[1]), "an unknown category has no meaning for it"),
    ],
)
def test_other_signatures_are_refused(fields: tuple[Field, ...], sentence: str) -> None:
    with pytest.raises(SignatureError, match=sentence):
        require(*fields)


def test_a_category_that_the_model_splits_on_has_a_name() -> None:
    with pytest.raises(SignatureError, match="2 categories, and the model knows at least 4"):
        require(*OWN, own=(OWN[0], Field("b", "category")), highest=3)
