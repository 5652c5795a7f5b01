"""Checks of what becomes of damaged artefacts: each is refused in one sentence, when the server starts."""

import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from mlserve.errors import ConfigurationError, MlserveError
from mlserve.registry import declared
from mlserve.startup import build
from mlserve.testing.checks import Checks
from mlserve.testing.subject import MODEL, Subject

_JSON = {
    "another JSON object": b'{"no": "model"}',
    "a JSON list": b"[1, 2, 3]",
    "JSON null": b"null",
    "deeply nested JSON": b"[" * 200_000,
}


class ArtefactChecks(Checks):
    """`damaged` may be overridden, for a format that has more ways to be wrong, or fewer."""

    def damaged(self, content: bytes) -> Iterator[tuple[str, bytes]]:
        """Contents that are no artefacts, each with a word for what is wrong with it."""
        yield "an empty file", b""
        for part in (0.05, 0.3, 0.6, 0.95):
            length = int(len(content) * part)
            yield f"a file cut off after {length} of {len(content)} bytes", content[:length]
        yield "random bytes", random.Random(1).randbytes(4096)
        yield "zeros", bytes(4096)
        yield from _JSON.items()

    def test_damaged_artefacts_are_refused_in_one_sentence(self, subject: Subject, tmp_path: Path) -> None:
        content = subject.artefact.read_bytes()
        for number, (what, damage) in enumerate(self.damaged(content)):
            folder = tmp_path / str(number)
            shutil.copytree(subject.artefact.parent, folder, ignore=shutil.ignore_patterns("var"))
            path = folder / subject.artefact.name
            path.write_bytes(damage)
            error = _within(self.patience, what, subject, path)
            assert error is not None, f"{what} was served: inspect() or load() must refuse it with BundleError."
            assert isinstance(error, ConfigurationError), (
                f"{what} made inspect() or load() raise {error!r}: raise BundleError with a sentence instead."
            )
            sentence = str(error)
            assert f"mlserve.models.{MODEL}" in sentence, f"{what}: the refusal must name the INI key: {sentence}"
            assert "\n" not in sentence, f"{what}: the refusal must be one sentence on one line: {sentence}"
            assert "Traceback" not in sentence, f"{what}: the refusal must hold no traceback: {sentence}"


def _within(patience: float, what: str, subject: Subject, path: Path) -> Exception | None:
    """What a server that starts with this artefact raises; a start that hangs fails the check."""
    raised: list[Exception | None] = []

    def check() -> None:
        try:
            application = subject.application
            if subject.family.runs_code:  # It must be trusted, to come as far as that.
                application = build(subject.settings(path.parent, path), here=None).registry.mlserve
            declared.examine(application, MODEL, path)
            raised.append(None)
        except Exception as error:
            cause = cast(Exception | None, error.__cause__)
            # A server tells in one sentence of what is no refusal too: it is the family's to say what is wrong.
            raised.append(error if cause is None or isinstance(cause, MlserveError) else cause)

    thread = threading.Thread(target=check, daemon=True)
    thread.start()
    thread.join(patience)
    assert raised, f"{what}: inspect() or load() hangs, or takes more than {patience:g} s."
    return raised[0]
