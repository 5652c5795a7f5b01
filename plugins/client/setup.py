"""Packaging of the client: distribution `pyramid-mlserve-client`, import `mlserve_client`. No part of the server."""

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
    name="pyramid-mlserve-client",
    version=version(),
    description="Calls mlserve: predictions, actuals and the registry over HTTP",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["mlserve_client", "mlserve_client.*"]),
    package_data={"mlserve_client": ["py.typed"]},
    python_requires=">=3.11",
    install_requires=["urllib3>=2.2"],
    zip_safe=False,
)
