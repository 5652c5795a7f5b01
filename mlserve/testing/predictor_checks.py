"""Checks of a loaded version: its answers, alone and in a batch, again and again, and from many threads."""

import gc
import json
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve.errors import ModelNotReady, NotSupported, PredictionFailed
from mlserve.inference import Explanation, LoadedVersion
from mlserve.signature import Batch
from mlserve.testing.checks import Checks
from mlserve.testing.instances import instances_at_the_ends, instances_with_missing
from mlserve.testing.subject import Subject, answer_of, batch_of, difference

ROWS = 100
SIZES = (1, 2, 7, ROWS)
THREADS = 8
ROUNDS = 25
LOADS = 20
# float32 has 24 bits: so far may the sum of a hundred contributions be from the margin, relative to the largest.
ROUNDING = 1e-4


class PredictorChecks(Checks):
    """What `load` gives, asked as the core asks it."""

    def test_the_predictor_has_its_attributes(self, loaded: LoadedVersion) -> None:
        predictor = loaded.predictor
        assert predictor.concurrency in ("parallel", "serial"), (
            f'concurrency must be "parallel" or "serial", not {predictor.concurrency!r}.'
        )
        assert isinstance(predictor.engine, str), "engine must be a word, for the lineage."
        assert predictor.engine, "engine must be a word, for the lineage."
        for name in ("predict", "info", "close"):
            assert callable(getattr(predictor, name, None)), f"The predictor needs a method {name}()."
        info = predictor.info()
        assert isinstance(info, dict), f"info() must be a dict, not {type(info).__name__}."
        try:
            json.dumps(info, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AssertionError(
                f"info() must hold JSON values only, since the model's address shows it: {error}."
            ) from error

    def test_every_output_is_answered_in_its_shape(self, loaded: LoadedVersion) -> None:
        for size in SIZES:
            outputs = answer_of(loaded, self._batch(loaded, size))
            wanted = {
                field.name: (size,) if field.varies else (size, *field.shape) for field in loaded.signature.outputs
            }
            assert outputs.keys() == wanted.keys(), (
                f"predict() must answer the outputs {sorted(wanted)} of the signature, not {sorted(outputs)}."
            )
            for name, shape in wanted.items():
                found = np.shape(outputs[name])
                assert found == shape, f"Output {name!r} must have the shape {shape} for {size} instances, not {found}."
            try:
                loaded.output_encoder.encode(outputs, size)
            except Exception as error:
                raise AssertionError(f"The outputs do not have the signature's types: {error!r}") from error

    def test_an_answer_does_not_depend_on_its_batch(self, subject: Subject, loaded: LoadedVersion) -> None:
        instances = self.instances(subject.signature, ROWS)
        alone = [answer_of(loaded, batch_of(loaded, [instance])) for instance in instances]
        for size in SIZES[1:]:
            together = answer_of(loaded, batch_of(loaded, instances[:size]))
            for at in range(size):
                one = {name: np.asarray(values)[at : at + 1] for name, values in together.items()}
                found = difference(one, alone[at], self.tolerance)
                assert found is None, (
                    f"Among {size} instances the one at {at} is answered otherwise than alone (here: together, there: "
                    f"alone): {found}. If the library cannot do better, say so with `tolerance`."
                )

    def test_the_same_question_has_the_same_answer(self, subject: Subject, loaded: LoadedVersion) -> None:
        batch = self._batch(loaded, ROWS)
        first = _copied(answer_of(loaded, batch))
        for _ in range(5):
            found = difference(answer_of(loaded, batch), first)
            assert found is None, f"Asked again, the predictor answers otherwise: {found}."
        other = subject.load()
        try:
            found = difference(answer_of(other, batch), first)
        finally:
            other.close()
        assert found is None, f"Loaded again, the same artefact answers otherwise: {found}."

    def test_rows_and_columns_are_answered_alike(self, subject: Subject, loaded: LoadedVersion) -> None:
        instances = self.instances(subject.signature, ROWS)
        rows = batch_of(loaded, instances)
        answered = answer_of(loaded, rows)
        lists = {name: rows.values(name) for name in loaded.signature.names}
        for columns in (lists, {name: _array(rows, name) for name in lists}):
            by_columns = answer_of(loaded, Batch.from_columns(loaded.signature, columns))
            found = difference(by_columns, answered)
            assert found is None, (
                f"The same instances as columns (here) and as rows (there) are answered apart: {found}. Ask the "
                "Batch by values(), column() or matrix() only."
            )

    def test_missing_values_are_answered(self, subject: Subject, loaded: LoadedVersion) -> None:
        instances = instances_with_missing(subject.signature)
        if not instances:
            pytest.skip("no field of the signature is nullable")
        self._encoded(loaded, batch_of(loaded, instances))

    def test_the_ends_of_every_range_are_answered(self, subject: Subject, loaded: LoadedVersion) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # An overflow is answered as a number that is not finite.
            self._encoded(loaded, batch_of(loaded, instances_at_the_ends(subject.signature)))

    def test_threads_do_not_disturb_each_other(self, subject: Subject, loaded: LoadedVersion) -> None:
        instances = self.instances(subject.signature, ROWS)
        batches = [batch_of(loaded, instances[at::THREADS]) for at in range(THREADS)]
        expected = [_copied(answer_of(loaded, batch)) for batch in batches]
        together = threading.Barrier(THREADS)

        def ask(at: int) -> str | None:
            together.wait()
            answers = (difference(answer_of(loaded, batches[at]), expected[at]) for _ in range(ROUNDS))
            return next(filter(None, answers), None)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)  # Threads take turns a thousand times as often as usual.
        try:
            with ThreadPoolExecutor(THREADS) as pool:
                found = next(filter(None, pool.map(ask, range(THREADS))), None)
        finally:
            sys.setswitchinterval(interval)
        assert found is None, (
            f"Asked by {THREADS} threads at once, the predictor answers otherwise than alone: {found}. Keep nothing of "
            'one call on the predictor, or say concurrency = "serial".'
        )

    def test_explanations_add_up(self, loaded: LoadedVersion) -> None:
        if not loaded.explains:
            pytest.skip("the predictor has no explain()")
        batch = self._batch(loaded, ROWS)
        whole = _explained(loaded, batch)
        assert len(set(whole.blocks)) == len(whole.blocks), f"explain() must name each block once: {whole.blocks}."
        for name in ("method", "scale"):
            assert getattr(whole, name), f"explain() must say its {name} in words."
        added = whole.bias + np.asarray(whole.contributions, np.float64).sum(axis=2)
        largest = np.maximum(1.0, np.abs(whole.contributions).max(axis=2, initial=0.0) + np.abs(whole.bias))
        apart = np.abs(added - whole.margin) / largest
        assert (apart <= ROUNDING).all(), (
            f"The bias and all contributions of a block must add up to its margin; one is "
            f"{np.nanmax(apart):.2g} of its largest number apart."
        )
        first = _explained(loaded, self._batch(loaded, 1))
        found = difference({"contributions": first.contributions}, {"contributions": whole.contributions[:1]}, 1e-5)
        assert found is None, f"Alone (here) and in a batch (there) an instance is explained apart: {found}."

    def test_a_closed_version_refuses(self, subject: Subject) -> None:
        asked_first, loaded = subject.load(), subject.load()
        answer_of(asked_first, self._batch(asked_first, 1))
        try:
            asked_first.predictor.close()  # What it raises when the core asks is only logged.
        except Exception as error:
            raise AssertionError(f"close() must give back what the predictor holds, and raised {error!r}") from error
        batch = self._batch(loaded, 1)
        answer_of(loaded, batch)
        loaded.close()
        try:
            loaded.predict(batch)
        except ModelNotReady:
            return
        raise AssertionError("After close() the core must refuse, and it answered.")

    def test_loading_and_closing_leaks_nothing(self, subject: Subject) -> None:
        self._live_once(subject)  # What a library keeps from its first use on is no leak.
        before = _held()
        for _ in range(LOADS):
            self._live_once(subject)
        for what, count in _held().items():
            assert count - before[what] < LOADS // 2, (
                f"After {LOADS} times load() and close() there are {count} {what}, before there were {before[what]}: "
                "close() must end and close what load() began."
            )

    def _batch(self, loaded: LoadedVersion, count: int) -> Batch:
        return batch_of(loaded, self.instances(loaded.signature, count))

    def _encoded(self, loaded: LoadedVersion, batch: Batch) -> None:
        try:
            loaded.output_encoder.encode(answer_of(loaded, batch), batch.n)
        except PredictionFailed as error:
            raise AssertionError(f"The answer cannot be written: {error}") from error

    def _live_once(self, subject: Subject) -> None:
        loaded = subject.load()
        answer_of(loaded, self._batch(loaded, 2))
        loaded.close()


def _array(batch: Batch, name: str) -> Any:
    """A column as an array; as a list where its type has no value for what is missing."""
    array, missing = batch.column(name)
    return array if array.dtype.kind in "fO" or not missing.any() else batch.values(name)


def _explained(loaded: LoadedVersion, batch: Batch) -> Explanation:
    """What the predictor explains, in its right shapes; a Batch that it cannot explain skips the check."""
    try:
        return loaded.explain(batch)
    except NotSupported as refusal:
        pytest.skip(f"explain() says that it cannot: {refusal}")
    except PredictionFailed as error:
        raise AssertionError(
            f"explain() must give an Explanation in the shapes of the Batch: {error.__cause__ or error}"
        ) from error


def _held() -> dict[str, int]:
    gc.collect()
    held = {"threads": threading.active_count()}
    process = Path("/proc/self")
    if process.is_dir():  # Of Linux; elsewhere only Python's own threads are counted.
        held["threads"] = len([*(process / "task").iterdir()])
        held["open files"] = len([*(process / "fd").iterdir()])
    return held


def _copied(outputs: dict[str, Any]) -> dict[str, Any]:
    """A predictor that answers in an array of its own would change it by its next answer."""
    return {name: np.array(values) for name, values in outputs.items()}
