"""Who is inside, and when all are gone."""

import threading

import pytest

from mlserve.errors import ModelNotReady
from mlserve.inference.users import Users


def test_nobody_enters_after_the_refusal_and_who_was_inside_is_waited_for() -> None:
    users, inside, leave = Users(), threading.Event(), threading.Event()

    def use() -> None:
        with users:
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=use)
    thread.start()
    assert inside.wait(20)
    assert users.refuse_new() is True
    assert users.refuse_new() is False
    with pytest.raises(ModelNotReady), users:
        pass
    assert users.wait(0) == 1
    leave.set()
    assert users.wait(20) == 0
    thread.join()


def test_without_users_there_is_nothing_to_wait_for() -> None:
    users = Users()
    with users, users:
        pass
    with pytest.raises(ZeroDivisionError), users:
        raise ZeroDivisionError
    users.refuse_new()
    assert users.wait(20) == 0


def test_many_threads_are_counted_right() -> None:
    users = Users()

    def use() -> None:
        for _ in range(5000):
            with users:
                pass

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    users.refuse_new()
    assert users.wait(0) == 0
