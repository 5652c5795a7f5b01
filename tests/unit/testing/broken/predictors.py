"""Predictors that break a rule of answering, of explaining or of being closed."""

import math
import threading
import time
from dataclasses import replace

import numpy as np

from mlserve.signature import Field
from mlserve_template.family import TemplateFamily, TemplatePredictor
from tests.unit.testing.broken.plugin import Broken


class TestConcurrencyOfItsOwn(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "has concurrency = 'many'"

    class Predictor(TemplatePredictor):
        concurrency = "many"


class TestInfoIsNoJSON(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "JSON values only"

    class Predictor(TemplatePredictor):
        def info(self):
            return {"mean": np.float32(1)}


class TestAnotherOutput(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, r"\['value'\] of the signature, not \['score'\]"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"score": np.zeros(batch.n)}


class TestAColumn(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, r"shape \(1,\) for 1 instances, not \(1, 1\)"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"value": np.zeros((batch.n, 1))}


class TestWords(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, "the signature's types"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"value": np.array(["much"] * batch.n, dtype=object)}


class TestByBatch(Broken):
    breaks, says = Broken.test_an_answer_does_not_depend_on_its_batch, "Among 2 instances the one at 0"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"value": super().predict(batch)["value"] + batch.n}


class TestCounts(Broken):
    breaks, says = Broken.test_the_same_question_has_the_same_answer, "Asked again"

    class Predictor(TemplatePredictor):
        asked = 0

        def predict(self, batch):
            self.asked += 1
            return {"value": np.full(batch.n, float(self.asked))}


class TestLoadedAtRandom(Broken):
    breaks, says = Broken.test_the_same_question_has_the_same_answer, "Loaded again"

    class Predictor(TemplatePredictor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.drawn = np.random.default_rng().random()

        def predict(self, batch):
            return {"value": np.full(batch.n, self.drawn)}


class TestRowsOnly(Broken):
    breaks, says = Broken.test_rows_and_columns_are_answered_alike, "raised TypeError"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"value": np.array([float(len(row)) for row in batch._rows])}


class TestNeverMissing(Broken):
    breaks, says = Broken.test_missing_values_are_answered, "raised KeyError"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            return {"value": np.array([{"AA": 1.0, "UA": 2.0}[value] for value in batch.values("carrier")])}


class TestOverflows(Broken):
    breaks, says = Broken.test_the_ends_of_every_range_are_answered, "raised OverflowError"

    class Family(TemplateFamily):
        def inspect(self, path):
            return replace(super().inspect(path), inputs=(Field("x", "float64"),))

    class Predictor(TemplatePredictor):
        def __init__(self, means, signature, decimals):
            self.means = means

        def predict(self, batch):
            return {"value": np.array([math.exp(x) for x in batch.values("x")])}


class TestSharedScratch(Broken):
    breaks, says = Broken.test_threads_do_not_disturb_each_other, "by 8 threads at once"

    class Predictor(TemplatePredictor):
        def predict(self, batch):
            self.batch = batch
            time.sleep(0)  # Another thread's turn.
            return super().predict(self.batch)


class TestDoesNotAddUp(Broken):
    breaks, says = Broken.test_explanations_add_up, "one is 0.1 of its largest number apart"

    class Predictor(TemplatePredictor):
        def explain(self, batch):
            explanation = super().explain(batch)
            return replace(explanation, margin=explanation.margin + np.float32(1.26))


class TestExplainsOneRow(Broken):
    breaks, says = Broken.test_explanations_add_up, "in the shapes of the Batch"

    class Predictor(TemplatePredictor):
        def explain(self, batch):
            explanation = super().explain(batch)
            return replace(explanation, margin=explanation.margin[:1])


class TestBlocksOfOneName(Broken):
    breaks, says = Broken.test_explanations_add_up, "name each block once"

    class Predictor(TemplatePredictor):
        def explain(self, batch):
            one = super().explain(batch)
            twice = {name: np.repeat(getattr(one, name), 2, axis=1) for name in ("contributions", "bias", "margin")}
            return replace(one, blocks=("late", "late"), **twice)


class TestExplainFails(Broken):
    breaks, says = Broken.test_explanations_are_answered_or_refused, "must explain what it can predict"

    class Predictor(TemplatePredictor):
        def explain(self, batch):
            raise ZeroDivisionError


class TestCloseFails(Broken):
    breaks, says = Broken.test_a_closed_version_refuses, "raised RuntimeError"

    class Predictor(TemplatePredictor):
        def close(self):
            raise RuntimeError("still busy")


class TestLeavesThreads(Broken):
    breaks, says = Broken.test_loading_and_closing_leaks_nothing, "threads"

    class Predictor(TemplatePredictor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            threading.Thread(target=threading.Event().wait, daemon=True).start()
