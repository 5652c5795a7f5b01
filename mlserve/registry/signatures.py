"""The signature of any registered version, whether or not it is the one that answers now."""

from mlserve.application import Application
from mlserve.errors import VersionUnknown
from mlserve.registry import service
from mlserve.signature import Signature


def signature_of(application: Application, model: str, number: int) -> Signature:
    """The signature of a version. Raises VersionUnknown, DatabaseUnavailable."""
    champion = application.live.get(model).champion
    if champion is not None and champion.lineage.version == number:
        return champion.signature
    with application.database.read() as connection:
        for version in service.versions(connection, model):
            if version["number"] == number:
                return Signature.from_json(version["signature"])
    raise VersionUnknown(f"Model {model} has no version {number}.")
