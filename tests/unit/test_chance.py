"""Random digits that nobody is given twice, in no thread and in no forked process."""

import os
import threading

import pytest

from mlserve.chance import Chance


@pytest.mark.parametrize("digits", [16, 24])
def test_gives_so_many_hexadecimal_digits_and_none_twice(digits: int) -> None:
    chance = Chance(digits)
    given = [chance() for _ in range(3000)]  # several draws
    assert {len(piece) for piece in given} == {digits}
    assert set("".join(given)) == set("0123456789abcdef")
    assert len(set(given)) == len(given)


def test_threads_share_it_without_repeats() -> None:
    chance = Chance(16)
    given: list[list[str]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda own=own: own.extend(chance() for _ in range(5000))) for own in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({piece for own in given for piece in own}) == 20_000


def test_a_fork_draws_anew() -> None:
    chance = Chance(16)
    chance()  # What was drawn for later is copied by a fork.
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.write(into, " ".join(chance() for _ in range(100)).encode())
        os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out) as end:
        theirs = end.read().split()
    assert len(theirs) == 100
    assert not set(theirs) & {chance() for _ in range(100)}
