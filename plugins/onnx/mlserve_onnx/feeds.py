"""Feeds: from a Batch to the arrays that the model's inputs take."""

import numpy as np
from numpy.typing import NDArray

from mlserve.signature import Field, Signature
from mlserve.tensors import Feed, changed, column_feed, feeds_of
from mlserve_onnx.form import Form
from mlserve_onnx.images import pixels_feed
from mlserve_onnx.model_file import ModelFile


def make_feeds(file: ModelFile, form: Form, signature: Signature) -> list[Feed]:
    """One for each input of the model. Raises SignatureError where the signature is not one that it can answer."""
    own = form.signature.inputs

    def feed(place: int, field: Field) -> Feed:
        if field.type == "image":
            return pixels_feed(file, own[place], field)
        column = column_feed(own[place], field)
        return changed(field, _as_matrix, column) if form.columns else column

    return feeds_of(own, signature, feed)


def _as_matrix(column: NDArray[np.generic]) -> NDArray[np.generic]:
    return column.reshape(-1, 1)
