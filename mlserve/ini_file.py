"""Opening an INI as pserve does."""

from typing import Any

import plaster
import plaster_pastedeploy


def open_ini(path: str) -> Any:
    """The plaster loader of a file. Raises PlasterError where no installed package reads files of that kind.

    By itself plaster reads the metadata of every installed distribution to find the one that reads INIs.
    """
    uri = plaster.parse_uri(path)
    if uri.scheme == "file+ini":
        return plaster_pastedeploy.Loader(uri)
    return plaster.get_loader(uri, protocols=["wsgi"])
