"""Packaging of the core: distribution `pyramid-mlserve`, import `mlserve`."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version from `mlserve/_version.py`, read as text: importing the package would need its dependencies."""
    text = (HERE / "mlserve" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise SystemExit('mlserve/_version.py holds no line of the form __version__ = "1.2.3"')
    return found.group(1)


def readme() -> str:
    path = HERE / "README.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


setup(
    name="pyramid-mlserve",
    version=version(),
    description="Turns a trained model into a production REST resource and keeps every prediction it ever made",
    long_description=readme(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Pyramid",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Application",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["mlserve", "mlserve.*"]),
    package_data={
        "": ["py.typed", "*.mako", "static/**/*", "templates/**/*"],
        "mlserve.cli": ["skeletons/**/*"],  # What `mlserve new-plugin` writes.
        # Migration scripts are run by path, so their folders need not be packages.
        "mlserve.db": ["migrations/*", "migrations/versions/*.py"],
    },
    exclude_package_data={"": ["__pycache__/*", "*.pyc"]},
    python_requires=">=3.11",
    install_requires=[
        "alembic>=1.20",
        "argon2-cffi>=25.1",
        "click>=8.2",
        "colander>=2.0",
        "cornice>=6.1",
        "msgspec>=0.22",
        # Forms with files; strict, and of one file.
        "multipart>=2.0,<3",
        "numpy>=2.0",
        "orjson>=3.11",
        "plaster-pastedeploy>=1.0.1",
        "pyramid>=2.1",
        # For the verbs of the command line that speak to a running server.
        "pyramid-mlserve-client>=0.1,<0.2",
        "pyramid_jinja2>=2.10",
        # Python's own SQLite may be older than 3.51.3, which has the WAL-reset fault.
        "pysqlite3>=0.6.1; sys_platform == 'linux'",
        "rfc8785>=0.1.4",
        "rich>=14.0",
        # Pyramid 2.1 and Cornice 6.1 import pkg_resources, which setuptools 82 no longer has; Cornice does not say so.
        "setuptools>=80.10,<82",
        "sqlalchemy>=2.1",
        "waitress>=3.0.2",
    ],
    extras_require={
        # Pyramid's toolbar, for [app:debug] of development.ini.
        "debug": ["pyramid_debugtoolbar>=4.12"],
        # Fields of type image.
        "images": ["pillow>=11"],
        # Rows in Parquet, for `mlserve package`; a CSV needs nothing more.
        "package": ["pyarrow>=20"],
        # [server:workers]. What it calls of granian is no public interface, so the minor version is fixed.
        "workers": ["granian>=2.8.7,<2.9"],
        "gunicorn": ["gunicorn>=27"],  # instead of both: forked workers, in pure Python
        "postgresql": ["psycopg[binary]>=3.3"],
        # For mlserve.store.url; each kind of store needs its own package too, such as s3fs.
        "store": ["fsspec>=2025.5"],
        # What the tests of a plugin need: mlserve.testing.
        "testing": ["openapi-spec-validator>=0.9", "pytest>=9.0", "webtest>=3.0"],
    },
    entry_points={
        "paste.app_factory": ["main = mlserve:main"],
        "paste.server_runner": ["waitress = mlserve.server:serve", "workers = mlserve.server.workers:serve"],
        "console_scripts": ["mlserve = mlserve.cli:main"],
    },
    zip_safe=False,
)
