"""Packaging of the plugin: distribution `pyramid-mlserve-sklearn`, import `mlserve_sklearn`."""

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
    name="pyramid-mlserve-sklearn",
    version=version(),
    description="Serves scikit-learn models and pipelines with mlserve",
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
    packages=find_packages(include=["mlserve_sklearn", "mlserve_sklearn.*"]),
    package_data={"mlserve_sklearn": ["py.typed", "templates/*.jinja2"]},
    python_requires=">=3.11",
    install_requires=[
        "joblib>=1.4",
        "numpy>=2.0",
        # Pipelines that are trained on data frames are answered with data frames.
        "pandas>=2.2",
        "pyramid-mlserve>=0.1,<0.2",
        "scikit-learn>=1.6",
        # Earlier ones can be made to run code of a file (CVE-2025-54412, -54413, -54886).
        "skops>=0.13",
        "threadpoolctl>=3.5",
    ],
    entry_points={"mlserve.plugins": ["sklearn = mlserve_sklearn"]},
    zip_safe=False,
)
