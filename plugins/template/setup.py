"""Packaging: distribution `pyramid-mlserve-template`, import `mlserve_template`."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="pyramid-mlserve-template",
    version="0.1.0",
    description="Serves template models with mlserve",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["mlserve_template", "mlserve_template.*"]),
    package_data={"mlserve_template": ["py.typed", "*.jinja2"]},
    python_requires=">=3.11",
    install_requires=["msgspec>=0.22", "numpy>=2.0", "pyramid-mlserve>=0.1,<0.2"],
    extras_require={"tests": ["pyramid-mlserve[testing]"]},
    # The name in front is the one that `mlserve.plugins` enables.
    entry_points={"mlserve.plugins": ["template = mlserve_template"]},
    zip_safe=False,
)
