"""What a class of one's own implements. Nothing has to be inherited: `Predictor` only has the defaults, and the words.

A class may import this module to raise Refused, or to derive from Predictor; it needs neither.
"""

from typing import Any

from mlserve.errors import Invalid, Problem

# What a predictor sees: each input's array (n, *shape), by name.
Inputs = dict[str, Any]


class Refused(Invalid):
    """Raised while predicting, for an input that the signature allows and the predictor cannot take: 422.

    `instance` counts from 0; `message` is for the caller, and says what is expected.
    """

    def __init__(self, field: str, instance: int, message: str) -> None:
        problem = Problem(code="refused", expected=message, instance=instance, field=field)
        super().__init__(f"Instance {instance} has a {field} that the model cannot take: {message}", problems=[problem])


class Predictor:
    """A predictor of one's own. All but `predict`, or `predict_one` in its place, may be left out.

    Further members that are called where a class has them:

    - `load(folder, arguments)`, a classmethod: an instance that answers. `folder` is a Path with the artefact's other
      files, not to be written to. Without it the class is called with the arguments by name, and with `folder` where it
      takes one
    - `signature()`, a classmethod: a mlserve.signature.Signature, or its JSON
    - `preprocess(inputs)`: what `predict` is given instead of the arrays
    - `postprocess(answer)`: what `predict` has answered, as the signature wants it
    - `predict_one(row)`, without `predict`: one instance as a dict of Python values; answers a dict
    - `explain(inputs)`: a mlserve.inference.Explanation, or a dict of its parts
    - `libraries()`: name and version of what computes the answers, for their lineage
    - `save(folder)`: writes the files that `load` needs, and answers its arguments; for `mlserve package`
    - `close()`: gives back what `load` took
    """

    # "parallel": it is called from many threads at once.
    concurrency = "serial"

    def predict(self, inputs: Inputs) -> Any:
        """One array (n, *shape) for each output, by name; the array itself where there is one output."""
        raise NotImplementedError
