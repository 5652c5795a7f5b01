import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlserve.observability.request_id import bound, current


@pytest.mark.parametrize("incoming", ["a", "A-b_c.9", "x" * 128])
def test_an_acceptable_id_is_taken_over(incoming: str) -> None:
    with bound(incoming) as identity:
        assert identity == incoming
        assert current() == incoming
    assert current() is None


@pytest.mark.parametrize(
    "incoming", [None, "", "x" * 129, "a b", "a\n", "a\r\nSet-Cookie: x", "é", "a/b", "\0", "٣", "mls_a"]
)
def test_anything_else_gets_a_new_one(incoming: str | None) -> None:
    with bound(incoming) as identity:
        assert re.fullmatch(r"[0-9a-f]{24}", identity)
        assert current() == identity


def test_no_two_are_the_same() -> None:
    made = set()
    for _ in range(1000):
        with bound() as identity:
            made.add(identity)

    assert len(made) == 1000


def test_it_is_unbound_after_a_failure_and_bound_again_after_an_inner_one() -> None:
    with bound("outer"):
        with pytest.raises(ZeroDivisionError), bound("inner"):
            1 / 0  # noqa: B018
        assert current() == "outer"
    assert current() is None


def test_threads_see_their_own() -> None:
    with bound("main"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current).result() is None


def test_processes_make_different_ones() -> None:
    read, write = os.pipe()
    child = os.fork()
    with bound() as identity:
        if child == 0:
            os.write(write, identity.encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 100).decode() != identity
    os.close(read)
    os.close(write)
