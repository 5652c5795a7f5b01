"""Packaging of the plugin: distribution `pyramid-mlserve-xgboost`, import `mlserve_xgboost`."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """The core's version, from its one place; an sdist, which has no core beside it, says its own."""
    core = HERE.parent.parent / "mlserve" / "_version.py"
    path, line = (core, r'^__version__ = "([^"]+)"$') if core.exists() else (HERE / "PKG-INFO", r"^Version: (\S+)$")
    found = re.search(line, path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"{path} does not say the version")
    return found.group(1)


setup(
    name="pyramid-mlserve-xgboost",
    version=version(),
    description="Serves XGBoost models with mlserve",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Pyramid",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["mlserve_xgboost", "mlserve_xgboost.*"]),
    package_data={"mlserve_xgboost": ["py.typed"]},
    python_requires=">=3.11",
    install_requires=["numpy>=2.0", "pyramid-mlserve>=0.1,<0.2"],
    # Two distributions bring the same package `xgboost`; pip does not know that, so neither may be a plain requirement.
    extras_require={
        "cpu": ["xgboost-cpu>=3.2,<4"],
        "gpu": ["xgboost>=3.2,<4"],
        "onnx": ["onnx>=1.18,<2", "pyramid-mlserve-onnx[cpu]>=0.1,<0.2"],
    },
    entry_points={"mlserve.plugins": ["xgboost = mlserve_xgboost"]},
    zip_safe=False,
)
