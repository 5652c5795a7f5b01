"""The signature of any registered version, whether or not it is the one that answers now."""

from mlserve.application import Application
from mlserve.errors import VersionUnknown
from mlserve.registry import service
from mlserve.signature import Signature


def signature_of(application: Application, model: str, number: int) -> Signature:
    """The signature of a version, also of a model that is not served any more.

    Raises VersionUnknown, DatabaseUnavailable.
    """
    live = next((one.champion for one in application.live if one.name == model), None)
    if live is not None and live.lineage.version == number:
        return live.signature
    with application.database.read() as connection:
        found = service.signature(connection, model, number)
    if found is None:
        raise VersionUnknown(f"Model {model} has no version {number}.")
    return found
