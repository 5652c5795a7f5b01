"""A sound plugin with all that a signature can say: every type, tensors, labels, code in its files, one thread only."""

import json

import numpy as np

from mlserve.errors import BundleError
from mlserve.predictions.resources import PredictionsResource
from mlserve.signature import Field, OutputField, Signature

MLSERVE_API = (1, 0)
CLASSES = ("small", "large")
SIGNATURE = Signature(
    (
        Field("yes", "bool"),
        Field("count", "int32", minimum=-3, maximum=7),
        Field("id/number", "int64", nullable=True),
        Field("share", "float32", minimum=0.1, maximum=0.9, example=0.25),
        Field("size", "float64", required=False),
        Field("text", "string", keep="hash"),
        Field("secret", "string", keep="omit", nullable=True),
        Field("color", "category", categories=("red", "green"), unknown="native"),
        Field("matrix", "float32", shape=(2, 3), nullable=True),
        Field("tags", "category", shape=(2,), categories=("a", "b")),
    ),
    (
        OutputField("length", "int64"),
        OutputField("total", "float32", shape=(2,)),
        OutputField("probability", "float64", shape=(2,), categories=CLASSES),
        OutputField("label", "category", categories=CLASSES),
        OutputField("words", "string"),
    ),
)


class SoundPredictions(PredictionsResource):
    family = "sound"


class Sound:
    name = "sound"
    formats = (".sound", ".SND")
    runs_code = True

    def inspect(self, path):
        read(path)
        return SIGNATURE

    def load(self, path, signature, settings):
        return SoundPredictor(read(path))

    def libraries(self):
        return {}


class SoundPredictor:
    concurrency = "serial"
    engine = "exact"

    def __init__(self, scale):
        self.scale = scale
        self.busy = False

    def predict(self, batch):
        assert not self.busy, "two at once"
        self.busy = True
        try:
            share = batch.column("share")[0]
            words = [text + str(color) for text, color in zip(batch.values("text"), batch.values("color"), strict=True)]
            matrix = np.nan_to_num(batch.column("matrix")[0])
            return {
                "length": np.array([len(text) for text in words]),
                "total": matrix.sum(axis=2, dtype=np.float64) * self.scale,
                "probability": np.stack([1 - share, share], axis=1),
                "label": (share > 0.5).astype(int),
                "words": np.array(words, dtype=object),
            }
        finally:
            self.busy = False

    def info(self):
        return {"scale": self.scale}

    def close(self):
        assert not self.busy


def read(path):
    try:
        return float(json.loads(path.read_bytes())["scale"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{path.name} is not sound: {error!r}.") from error


def includeme(config):
    config.add_model_family("sound", Sound)
    config.add_model_resource("predictions", SoundPredictions)
