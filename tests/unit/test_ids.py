"""Ids rise, never repeat, and say when they were made."""

import os
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mlserve.ids import Ids, first_id, is_id, timestamp_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_an_id_is_a_canonical_uuid_of_version_7() -> None:
    text = Ids()()
    parsed = uuid.UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 7, uuid.RFC_4122)
    assert is_id(text)


def test_ids_rise_even_when_made_faster_than_the_clock_steps() -> None:
    ids = Ids()
    made = [ids() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_rise_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids()
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    first = ids()
    monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
    assert ids() > first


def test_threads_share_one_order_without_repeats() -> None:
    ids = Ids()
    made: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda own=own: own.extend(ids() for _ in range(5000))) for own in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(own == sorted(own) for own in made)
    assert len({text for own in made for text in own}) == 20_000


def test_forked_workers_do_not_repeat_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Ids()
    frozen = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: frozen)
    made = [text for end in (_make_in_child(ids), _make_in_child(ids)) for text in end]
    assert len(made) == len(set(made)) == 1000


def _make_in_child(ids: Ids) -> list[str]:
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.write(into, " ".join(ids() for _ in range(500)).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as end:
        return end.read().split()


def test_the_time_of_an_id_is_within_a_microsecond_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for nanoseconds in (1_700_000_000_123_456_789, 1_999_999_999_999_999_999, 1):
        monkeypatch.setattr(time, "time_ns", lambda now=nanoseconds: now)
        assert 0 <= nanoseconds / 1000 - timestamp_of(Ids()()) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "champion",
        "../../etc/passwd",
        "01A20551-85f8-783e-998a-bd2cda1e6331",
        "01a20551-85f8-483e-998a-bd2cda1e6331",
        "01a2055185f8783e998abd2cda1e6331",
        "01a20551-85f8-783e-998a-bd2cda1e6331\n",
    ],
)
def test_other_texts_are_no_ids(text: str) -> None:
    assert not is_id(text)
    with pytest.raises(ValueError, match="not a UUIDv7"):
        timestamp_of(text)


@pytest.mark.parametrize("microseconds", [0, 1, 999, 1_790_000_000_123_456])
def test_the_first_id_of_a_time_divides_those_before_from_those_after(
    monkeypatch: pytest.MonkeyPatch, microseconds: int
) -> None:
    moment = EPOCH + timedelta(microseconds=microseconds)
    border = first_id(moment)
    assert timestamp_of(border) == microseconds
    ids = []
    for nanoseconds in (microseconds * 1000 - 250, microseconds * 1000 + 250):
        monkeypatch.setattr(time, "time_ns", lambda now=nanoseconds: max(now, 0))
        ids.append(Ids()())
    before, after = ids
    assert after > border
    assert microseconds == 0 or before < border
    assert first_id(moment + timedelta(days=1), timedelta(days=1)) == border


def test_no_id_is_older_than_1970() -> None:
    assert first_id(datetime(1, 1, 1, tzinfo=UTC), timedelta(days=1)) == first_id(EPOCH)
