"""Packaging of the plugin: distribution `pyramid-mlserve-oip`, import `mlserve_oip`."""

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
    name="pyramid-mlserve-oip",
    version=version(),
    description="The Open Inference Protocol v2 for mlserve",
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
    packages=find_packages(include=["mlserve_oip", "mlserve_oip.*"]),
    package_data={"mlserve_oip": ["py.typed"]},
    python_requires=">=3.11",
    install_requires=["msgspec>=0.22", "numpy>=2.0", "orjson>=3.11", "pyramid>=2.1", "pyramid-mlserve>=0.1,<0.2"],
    entry_points={"mlserve.plugins": ["oip = mlserve_oip"]},
    zip_safe=False,
)
