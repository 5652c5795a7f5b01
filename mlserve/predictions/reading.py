"""From a body, JSON or a form, to a Batch of one version, or everything that is wrong with it."""

import msgspec

from mlserve.api.bodies import refuse_depth
from mlserve.errors import Invalid, MlserveError, Problem, Unreadable
from mlserve.inference import LoadedVersion
from mlserve.inference.loaded import Limits
from mlserve.predictions.envelope import Envelope, misreference, read_envelope
from mlserve.predictions.multipart import EXPLAIN, Upload
from mlserve.signature import Batch


def identity_of(body: bytes | Upload) -> bytes:
    """What is the same for the same request: the body, but of a form only what it says."""
    return body.identity() if isinstance(body, Upload) else body


def asks_why(loaded: LoadedVersion, body: bytes | Upload, limits: Limits) -> bool:
    """Whether the body asks for an explanation. Raises Unreadable, TooLarge."""
    if isinstance(body, Upload):
        return body.members(loaded.signature).get(EXPLAIN) is True
    envelope, _ = read_envelope(body, limits.depth, limits.problems)
    return envelope.explain


def read_batch(loaded: LoadedVersion, body: bytes | Upload, limits: Limits) -> tuple[Envelope, Batch]:
    """Read a body, and check its instances against the version's own signature.

    Raises Unreadable, TooLarge, and Invalid with the problems of the envelope and of the instances together.
    """
    if isinstance(body, Upload):
        body = body.as_json(loaded.signature)
    if (whole := loaded.decoder.decode_body(body)) is not None:
        batch, reference, explain = whole
        if reference is None or misreference(reference) is None:
            return Envelope(reference=reference, explain=explain), batch
    envelope, problems = read_envelope(body, limits.depth, limits.problems)
    if problems:
        raise _all_problems(loaded, envelope, problems, body, limits)
    return envelope, decode(loaded, envelope, body, limits)


def decode(loaded: LoadedVersion, envelope: Envelope, body: bytes, limits: Limits) -> Batch:
    """Check the instances of an envelope that is well, of this `body`. Raises Invalid, TooLarge, Unreadable."""
    instances = None if envelope.instances is msgspec.UNSET else bytes(envelope.instances)
    columns = None if envelope.columns is msgspec.UNSET else bytes(envelope.columns)
    try:
        return loaded.decoder.decode(instances, columns)
    except (Invalid, Unreadable):
        refuse_depth(body, limits.depth)
        raise


def _all_problems(
    loaded: LoadedVersion, envelope: Envelope, problems: list[Problem], body: bytes, limits: Limits
) -> MlserveError:
    refuse_depth(body, limits.depth)
    more = False
    if (envelope.instances is msgspec.UNSET) != (envelope.columns is msgspec.UNSET):
        try:
            decode(loaded, envelope, body, limits)
        except Invalid as error:
            problems, more = problems + list(error.problems), error.more
        except MlserveError as error:
            return error
    return Invalid(
        "The request breaks the envelope of a prediction.",
        problems=problems[: limits.problems],
        more=more or len(problems) > limits.problems,
    )
