import threading

from mlserve import turns


def test_a_turn_is_given_up_once_and_by_its_own_thread_only() -> None:
    released: list[str] = []
    turns.leave()  # There is none.
    turns.take(lambda: released.append("mine"))
    other = threading.Thread(target=turns.leave)
    other.start()
    other.join()
    assert released == []
    turns.leave()
    turns.leave()
    assert released == ["mine"]
