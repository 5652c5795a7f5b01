"""The prepared C call: threads, forks, memory, and what it refuses."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from xgboost_zoo import MATRIX

from mlserve.errors import BundleError, NotSupported
from mlserve_xgboost.engine import Engine, _Caller, array_interface
from mlserve_xgboost.library import XGBoostError, library
from mlserve_xgboost.model_file import read
from mlserve_xgboost.outputs import width_of


@pytest.fixture
def engine(zoo):
    def engine(name: str, threads: int = 1) -> Engine:
        file = read(zoo(name).path)
        return Engine(file, width_of(file), threads)

    return engine


def test_answers_rows_of_a_matrix(zoo, engine):
    assert engine("softprob-3").predict(MATRIX).tobytes() == zoo("softprob-3").expected(MATRIX).tobytes()


def test_no_rows_have_no_answers(engine):
    assert engine("softprob-3").predict(MATRIX[:0]).shape == (0, 3)


@pytest.mark.parametrize("name", ["squarederror", "dart", "linear"])
def test_an_answer_stays_as_it_was_given(name, zoo, engine):
    """The library reuses its memory for the next call of the same thread; what was given out must not change."""
    asked = engine(name)
    first = asked.predict(MATRIX[:3])
    before = first.tobytes()
    asked.predict(MATRIX[500:900])
    asked.close()
    assert first.tobytes() == before == zoo(name).expected(MATRIX[:3]).tobytes()


def test_two_models_in_one_thread_do_not_mix(zoo, engine):
    one, other = engine("squarederror"), engine("softprob-3")
    for row in range(20):
        assert (
            one.predict(MATRIX[row : row + 1]).tobytes()
            == zoo("squarederror").expected(MATRIX[row : row + 1]).tobytes()
        )
        assert other.predict(MATRIX[row : row + 1]).shape == (1, 3)


@pytest.mark.parametrize(
    "name", ["deep", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in ("dart", "linear"))]
)
def test_one_thread_starts_no_thread_and_may_fork(name, zoo):
    """Asked in a new process: the library keeps every thread that it once started, and a fork after that hangs."""
    script = """
        import os, sys, pathlib, warnings
        warnings.simplefilter("ignore")
        import numpy, psutil
        from mlserve_xgboost.engine import Engine
        from mlserve_xgboost.model_file import read
        from mlserve_xgboost.outputs import width_of
        file = read(pathlib.Path(sys.argv[1]))
        threads = psutil.Process().num_threads()
        matrix = numpy.ones((20_000, file.features), numpy.float32)
        engine = Engine(file, width_of(file), 1)
        def ask():
            contributions, _ = engine.contributions(matrix[:3000])
            return engine.predict(matrix).tobytes() + contributions.tobytes()
        expected = ask()
        if psutil.Process().num_threads() != threads:
            sys.exit("it started threads")
        child = os.fork()
        if child == 0:
            os._exit(0 if ask() == expected else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("OMP_NUM_THREADS", None)
    command = [sys.executable, "-c", textwrap.dedent(script), str(zoo(name).path)]
    subprocess.run(command, check=True, env=environment, timeout=60)


@pytest.mark.parametrize("name", ["dart", "linear"])
def test_boosters_behind_a_dmatrix_refuse_infinity_by_name(name, engine):
    matrix = MATRIX[:2].copy()
    matrix[1, 1] = -np.inf
    with pytest.raises(NotSupported, match="infinite"):
        engine(name).predict(matrix)


def test_refuses_a_matrix_of_another_width(engine):
    with pytest.raises(XGBoostError, match="5 columns where 6 were expected"):
        engine("squarederror").predict(np.ascontiguousarray(MATRIX[:, :5]))


@pytest.mark.parametrize("matrix", [MATRIX.astype(np.float64), np.asfortranarray(MATRIX)])
def test_refuses_a_matrix_that_the_library_would_misread(matrix):
    with pytest.raises(XGBoostError, match="not float32 in C order"):
        array_interface(matrix)


def test_the_library_s_own_refusal_is_one_sentence(zoo, tmp_path, family, load):
    """Sound as far as the file goes, but its objective's parameter makes no sense to the library."""
    text = zoo("aft").reference().save_raw("json").decode()
    path = tmp_path / "model.json"
    path.write_text(text.replace('"aft_loss_distribution":"logistic"', '"aft_loss_distribution":"gaussian"'))
    with pytest.raises(BundleError) as refused:
        load(path)
    assert str(refused.value).startswith("XGBoost cannot load model.json: ")
    assert "\n" not in str(refused.value)


def test_threads_come_and_go(zoo, engine):
    """Each new thread makes its own room; hundreds of short-lived ones leave the answers right."""
    asked, expected = engine("squarederror"), zoo("squarederror").expected(MATRIX)
    wrong: list[int] = []

    def ask(row: int) -> None:
        if asked.predict(MATRIX[row : row + 1]).tobytes() != expected[row].tobytes():
            wrong.append(row)

    for start in range(0, 200, 10):
        threads = [threading.Thread(target=ask, args=(row,)) for row in range(start, start + 10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_closing_gives_the_memory_back(zoo):
    file = read(zoo("deep").path)
    for _ in range(20):
        Engine(file, 1, 1).close()
    before = resident()
    for _ in range(200):
        Engine(file, 1, 1).close()
    # A loaded `deep` takes a quarter of a MiB: kept, two hundred of them would be 50.
    assert resident() - before < 16 * 2**20


def test_closing_twice_is_no_harm(engine):
    asked = engine("squarederror")
    asked.close()
    asked.close()


def rooms() -> int:
    """How many threads' rooms there are, in all engines."""
    gc.collect()
    return sum(isinstance(known, _Caller) for known in gc.get_objects())


def test_a_thread_s_room_goes_with_the_thread(engine):
    asked = engine("squarederror")
    before = rooms()
    for _ in range(5):
        thread = threading.Thread(target=asked.predict, args=(MATRIX[:1],))
        thread.start()
        thread.join()
    assert rooms() == before


def test_every_room_goes_with_the_engine_while_its_threads_live(zoo):
    before = rooms()
    file = read(zoo("squarederror").path)
    asked = Engine(file, width_of(file), 1)
    asked.predict(MATRIX[:1])
    answered, over = threading.Barrier(4), threading.Event()

    def ask() -> None:
        asked.predict(MATRIX[:1])
        answered.wait(10)
        over.wait(10)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    answered.wait(10)
    assert rooms() == before + 4
    asked.close()
    assert rooms() == before
    over.set()
    for thread in threads:
        thread.join()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_room_gives_its_memory_back():
    for _ in range(1000):
        _Caller(library(), 6)
    before = resident()
    for _ in range(20_000):
        _Caller(library(), 6)
    # The library's own part of a room takes nearly a KiB: kept, twenty thousand of them would be 18 MiB.
    assert resident() - before < 8 * 2**20


def test_one_row_and_many_share_a_room_and_do_not_mix(zoo, engine):
    asked, expected = engine("softprob-3"), zoo("softprob-3").expected(MATRIX)
    for start, stop in [(0, 1), (0, 700), (5, 6), (6, 8), (7, 8), (0, 0), (9, 10), (100, 101)]:
        assert asked.predict(MATRIX[start:stop]).tobytes() == expected[start:stop].tobytes()
