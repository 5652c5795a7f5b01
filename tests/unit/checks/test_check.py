from mlserve.checks.check import Check, causes, decided, timed
from mlserve.errors import BundleError


def test_a_check_as_json() -> None:
    check = Check("fit", "failed", "Two rows.", ("x", "y"), 0.12345678)
    assert check.to_json() == {
        "name": "fit",
        "state": "failed",
        "sentence": "Two rows.",
        "details": ["x", "y"],
        "seconds": 0.123457,
    }


def test_what_is_decided() -> None:
    assert decided("fit", True, "None.") == Check("fit", "passed", "None.")
    assert decided("fit", False, "Two.", ["x"]) == Check("fit", "failed", "Two.", ("x",))


def test_what_mlserve_raises_is_a_failed_check_with_its_cause() -> None:
    def look() -> Check:
        raise BundleError("It is broken.") from ValueError("a bit")

    found = timed("golden", look)
    assert (found.name, found.state, found.sentence) == ("golden", "failed", "It is broken.")
    assert found.details == ("ValueError: a bit",)
    assert found.seconds > 0
    assert causes(ValueError("nothing behind it")) == ()


def test_a_check_that_was_made_keeps_all_but_its_time() -> None:
    found = timed("golden", lambda: Check("fit", "skipped", "No rows.", ("x",)))
    assert (found.name, found.state, found.sentence, found.details) == ("fit", "skipped", "No rows.", ("x",))
    assert found.seconds > 0
