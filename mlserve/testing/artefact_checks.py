"""Checks of what becomes of hostile artefacts: each is refused in one sentence, when the server starts."""

import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from mlserve.testing.checks import Checks
from mlserve.testing.hostile import ESCAPES, ESCAPING, Hostile, Outcome, Trials, unfolded
from mlserve.testing.subject import MODEL, Subject

_JSON = {
    "another JSON object": b'{"no": "model"}',
    "a JSON list": b"[1, 2, 3]",
    "JSON null": b"null",
    "deeply nested JSON": b"[" * 200_000,
}
FLIPS = 16
PADDING = 64 << 20
MOST_GROWN = 160.0  # MiB: less than a member of the zip bomb unfolds to


class ArtefactChecks(Checks):
    """`damaged` may be overridden, for a format that has more ways to be wrong, or fewer.

    All are tried in a process of its own: an artefact that kills it is named, and the suite goes on.
    """

    def damaged(self, content: bytes) -> Iterator[tuple[str, bytes]]:
        """Contents that are no artefacts, each with a word for what is wrong with it."""
        yield "an empty file", b""
        for part in (0.05, 0.3, 0.6, 0.95):
            length = int(len(content) * part)
            yield f"a file cut off after {length} of {len(content)} bytes", content[:length]
        yield "random bytes", random.Random(1).randbytes(4096)
        yield "zeros", bytes(4096)
        yield from _JSON.items()

    def test_damaged_artefacts_are_refused_in_one_sentence(
        self, subject: Subject, trials: Trials, tmp_path: Path
    ) -> None:
        damaged = self.damaged(subject.artefact.read_bytes())
        for hostile, outcome in _tried(
            trials, [_beside(subject, tmp_path / str(number), *each) for number, each in enumerate(damaged)]
        ):
            _require_refusal(hostile, outcome)

    def test_paths_that_are_no_artefacts_are_refused_in_one_sentence(
        self, subject: Subject, trials: Trials, tmp_path: Path
    ) -> None:
        name, content = subject.artefact.name, subject.artefact.read_bytes()
        folders = [tmp_path / each for each in ("folder", "dangling", "loop", "suffix")]
        for folder in folders:
            folder.mkdir()
        (folders[0] / name).mkdir()
        (folders[1] / name).symlink_to("nowhere")
        (folders[2] / name).symlink_to(name)
        other = (folders[3] / name).with_suffix(".of-no-family")
        other.write_bytes(content)
        hostile = [
            Hostile("a folder with the name of an artefact", folders[0] / name),
            Hostile("a link to nothing", folders[1] / name),
            Hostile("a link to itself", folders[2] / name),
            Hostile("an artefact with a suffix of no family", other),
        ]
        for each, outcome in _tried(trials, hostile):
            _require_refusal(each, outcome)

    def test_an_artefact_behind_a_link_is_served(self, subject: Subject, trials: Trials, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        for path in subject.artefact.parent.glob(f"{subject.artefact.name}*"):
            (elsewhere / path.name).symlink_to(path)
        linked = Hostile("a link to the artefact", elsewhere / subject.artefact.name)
        for _, outcome in _tried(trials, [linked]):
            assert outcome.verdict == "served", f"A link to the artefact is not served: {outcome.said}"

    def test_no_altered_artefact_ends_the_process(self, subject: Subject, trials: Trials, tmp_path: Path) -> None:
        if subject.family.runs_code:
            pytest.skip("the artefact runs code: a changed one has another digest, which nobody trusts")
        content, chance = subject.artefact.read_bytes(), random.Random(2)
        altered = []
        for number in range(FLIPS):
            at, bit = chance.randrange(len(content)), chance.randrange(8)
            flipped = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            what = f"the artefact with bit {bit} of byte {at} flipped"
            altered.append(_beside(subject, tmp_path / str(number), what, flipped))
        what = f"the artefact with {PADDING >> 20} MiB of zeros behind it"
        altered.append(_beside(subject, tmp_path / "long", what, content + bytes(PADDING)))
        for hostile, outcome in _tried(trials, altered):
            _require_survival(hostile, outcome)

    def test_an_artefact_that_is_a_zip_unfolds_within_bounds(
        self, subject: Subject, trials: Trials, tmp_path: Path
    ) -> None:
        bombs = list(unfolded(subject.artefact.read_bytes()))
        if not bombs:
            pytest.skip("the artefact is no zip")
        hostile = [_beside(subject, tmp_path / "in" / str(number), *each) for number, each in enumerate(bombs)]
        for each, outcome in _tried(trials, hostile):
            _require_survival(each, outcome)
            assert outcome.grown < MOST_GROWN, f"{each.what} takes {outcome.grown:.0f} MiB: look at its size first."
            if each.what == ESCAPES:
                escaped = [*tmp_path.rglob(Path(ESCAPING).name), *tmp_path.parent.glob(Path(ESCAPING).name)]
                assert not escaped, f"{each.what} was written to {escaped}: unpack nothing outside of a folder."

    @pytest.fixture(scope="class")
    @classmethod
    def trials(cls) -> Iterator[Trials]:
        """A process that artefacts are tried in."""
        yield (trials := Trials(cls.plugin, cls.settings, cls.patience))
        trials.close()


def _tried(trials: Trials, hostile: Iterable[Hostile]) -> Iterator[tuple[Hostile, Outcome]]:
    for each in hostile:
        outcome = trials.outcome(each.path)
        assert outcome.verdict != "hung", f"{each.what}: {outcome.said}."
        assert outcome.verdict != "died", (
            f"{each.what} ends the server's process ({outcome.said}): check the file before the library gets it."
        )
        yield each, outcome


def _beside(subject: Subject, folder: Path, what: str, content: bytes) -> Hostile:
    """Such an artefact with the sidecars of the sound one."""
    shutil.copytree(subject.artefact.parent, folder, ignore=shutil.ignore_patterns("var", "trusted"))
    path = folder / subject.artefact.name
    path.write_bytes(content)
    return Hostile(what, path)


def _require_refusal(hostile: Hostile, outcome: Outcome) -> None:
    what, sentence = hostile.what, outcome.said
    assert outcome.verdict != "served", f"{what} was served: inspect() or load() must refuse it with BundleError."
    _require_survival(hostile, outcome)
    assert f"mlserve.models.{MODEL}" in sentence, f"{what}: the refusal must name the INI key: {sentence}"


def _require_survival(hostile: Hostile, outcome: Outcome) -> None:
    what, sentence = hostile.what, outcome.said
    assert outcome.verdict != "raised", (
        f"{what} made inspect() or load() raise {sentence}: raise BundleError with a sentence instead."
    )
    assert "\n" not in sentence, f"{what}: the refusal must be one sentence on one line: {sentence}"
    assert "Traceback" not in sentence, f"{what}: the refusal must hold no traceback: {sentence}"
