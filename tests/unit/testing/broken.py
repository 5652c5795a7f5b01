"""Families and resources that each break one rule of the contract, with the check that must fail for it and its words.

`test_suite.py` runs them. They are models of means in all but the rule that they break.
"""

import math
import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import numpy as np

from mlserve.api.operations import Operation
from mlserve.api.renderer import json_response
from mlserve.api.resources import ModelResource
from mlserve.errors import BundleError
from mlserve.predictions.resources import PredictionsResource
from mlserve.settings import Setting
from mlserve.signature import Field, OutputField, Signature
from mlserve.testing import ContractSuite
from mlserve_template.family import NAME, MeansFamily, MeansPredictor, read
from mlserve_template.resources import MeansPredictions

MEANS = '{"mean": 12.5, "offsets": {"carrier": {"AA": -1.5, "UA": 2.25}, "origin": {"EWR": 3, "JFK": -0.5}}}'


def write_means(folder: Path) -> Path:
    path = folder / "broken.means"
    path.write_text(MEANS)
    return path


class Broken(ContractSuite):
    """`Family`, `Predictor`, `resources` and `api` make a plugin of its own for each subclass."""

    artefact = staticmethod(write_means)
    breaks: ClassVar[Callable[..., None]]
    says: ClassVar[str]
    Family: ClassVar[type] = MeansFamily
    Predictor: ClassVar[type | None] = None
    resources: ClassVar[dict[str, type]] = {"predictions": MeansPredictions}
    api: ClassVar[object] = (1, 0)

    def __init_subclass__(cls) -> None:
        if "plugin" not in vars(cls):
            cls.plugin = f"mlserve_broken_{cls.__name__}"
            sys.modules[cls.plugin] = cls._module(cls.plugin)

    @classmethod
    def _module(cls, name: str) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = __file__
        if cls.api is not None:
            module.MLSERVE_API = cls.api

        def includeme(config: Any) -> None:
            config.add_setting(Setting("mlserve.means.decimals", "int", 2, "Decimals of an answer."))
            config.add_model_family(NAME, cls._family)
            for resource, made in cls.resources.items():
                config.add_model_resource(resource, made)

        includeme.__module__ = name
        module.includeme = includeme
        return module

    @classmethod
    def _family(cls) -> Any:
        family = cls.Family()
        if (predictor := cls.Predictor) is not None:
            family.load = lambda path, signature, settings: predictor(read(path), signature, settings["decimals"])
        return family


class TestNoVersion(Broken):
    breaks, says = Broken.test_the_module_is_a_plugin, "needs MLSERVE_API"
    api = None


class TestSuffixWithoutDot(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "'means' has none"

    class Family(MeansFamily):
        formats = (".means", "means")


class TestVersionAsNumber(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "version as text, not 2.4"

    class Family(MeansFamily):
        def libraries(self):
            return {"numpy": 2.4}


class TestCategoriesUnknown(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "cannot be served: input 'carrier'"

    class Family(MeansFamily):
        def inspect(self, path):
            return Signature((Field("carrier", "category"),), (OutputField("value", "float64"),))


class TestNoOutput(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "at least one output"

    class Family(MeansFamily):
        def inspect(self, path):
            return replace(super().inspect(path), outputs=())


class TestInspectAtRandom(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "the same signature each time"

    class Family(MeansFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=uuid4().hex)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectByName(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "must not depend on the file's name"

    class Family(MeansFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=path.stem)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectWrites(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "leave the artefact as it is"

    class Family(MeansFamily):
        def inspect(self, path):
            found = super().inspect(path)
            path.write_text(path.read_text() + "\n")
            return found


class TestEager(Broken):
    breaks, says = Broken.test_enabling_the_plugin_imports_no_model_library, "imports wave"
    plugin = "tests.unit.testing.eager"


class TestConcurrencyOfItsOwn(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "not 'many'"

    class Predictor(MeansPredictor):
        concurrency = "many"


class TestInfoIsNoJSON(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "JSON values only"

    class Predictor(MeansPredictor):
        def info(self):
            return {"mean": np.float32(1)}


class TestLoadRefuses(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "refuses the artefact"

    class Family(MeansFamily):
        def load(self, path, signature, settings):
            raise BundleError("it cannot")


class TestAnotherOutput(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, r"\['value'\] of the signature, not \['score'\]"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"score": np.zeros(batch.n)}


class TestAColumn(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, r"shape \(1,\) for 1 instances, not \(1, 1\)"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"value": np.zeros((batch.n, 1))}


class TestWords(Broken):
    breaks, says = Broken.test_every_output_is_answered_in_its_shape, "the signature's types"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"value": np.array(["much"] * batch.n, dtype=object)}


class TestByBatch(Broken):
    breaks, says = Broken.test_an_answer_does_not_depend_on_its_batch, "Among 2 instances the one at 0"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"value": super().predict(batch)["value"] + batch.n}


class TestCounts(Broken):
    breaks, says = Broken.test_the_same_question_has_the_same_answer, "Asked again"

    class Predictor(MeansPredictor):
        asked = 0

        def predict(self, batch, outputs=None):
            self.asked += 1
            return {"value": np.full(batch.n, float(self.asked))}


class TestLoadedAtRandom(Broken):
    breaks, says = Broken.test_the_same_question_has_the_same_answer, "Loaded again"

    class Predictor(MeansPredictor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.drawn = np.random.default_rng().random()

        def predict(self, batch, outputs=None):
            return {"value": np.full(batch.n, self.drawn)}


class TestRowsOnly(Broken):
    breaks, says = Broken.test_rows_and_columns_are_answered_alike, "raised TypeError"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"value": np.array([float(len(row)) for row in batch._rows])}


class TestNeverMissing(Broken):
    breaks, says = Broken.test_missing_values_are_answered, "raised KeyError"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            return {"value": np.array([{"AA": 1.0, "UA": 2.0}[value] for value in batch.values("carrier")])}


class TestOverflows(Broken):
    breaks, says = Broken.test_the_ends_of_every_range_are_answered, "raised OverflowError"

    class Family(MeansFamily):
        def inspect(self, path):
            return replace(super().inspect(path), inputs=(Field("x", "float64"),))

    class Predictor(MeansPredictor):
        def __init__(self, means, signature, decimals):
            self.means = means

        def predict(self, batch, outputs=None):
            return {"value": np.array([math.exp(x) for x in batch.values("x")])}


class TestSharedScratch(Broken):
    breaks, says = Broken.test_threads_do_not_disturb_each_other, "by 8 threads at once"

    class Predictor(MeansPredictor):
        def predict(self, batch, outputs=None):
            self.batch = batch
            time.sleep(0)  # Another thread's turn.
            return super().predict(self.batch)


class TestDoesNotAddUp(Broken):
    breaks, says = Broken.test_explanations_add_up, "one is 0.1 of its largest number apart"

    class Predictor(MeansPredictor):
        def explain(self, batch):
            explanation = super().explain(batch)
            return replace(explanation, margin=explanation.margin + np.float32(1.26))


class TestExplainsOneRow(Broken):
    breaks, says = Broken.test_explanations_add_up, "in the shapes of the Batch"

    class Predictor(MeansPredictor):
        def explain(self, batch):
            explanation = super().explain(batch)
            return replace(explanation, margin=explanation.margin[:1])


class TestBlocksOfOneName(Broken):
    breaks, says = Broken.test_explanations_add_up, "name each block once"

    class Predictor(MeansPredictor):
        def explain(self, batch):
            one = super().explain(batch)
            twice = {name: np.repeat(getattr(one, name), 2, axis=1) for name in ("contributions", "bias", "margin")}
            return replace(one, blocks=("late", "late"), **twice)


class TestExplainFails(Broken):
    breaks, says = Broken.test_explanations_are_answered_or_refused, "must explain what it can predict"

    class Predictor(MeansPredictor):
        def explain(self, batch):
            raise ZeroDivisionError


class TestCloseFails(Broken):
    breaks, says = Broken.test_a_closed_version_refuses, "raised RuntimeError"

    class Predictor(MeansPredictor):
        def close(self):
            raise RuntimeError("still busy")


class TestLeavesFilesOpen(Broken):
    breaks, says = Broken.test_loading_and_closing_leaks_nothing, "open files"
    kept: ClassVar[list[Any]] = []

    class Family(MeansFamily):
        def load(self, path, signature, settings):
            TestLeavesFilesOpen.kept.append(path.open())
            return super().load(path, signature, settings)


class TestLeavesThreads(Broken):
    breaks, says = Broken.test_loading_and_closing_leaks_nothing, "threads"

    class Predictor(MeansPredictor):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            threading.Thread(target=threading.Event().wait, daemon=True).start()


class TestRaisesOfItsOwn(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file made .* DecodeError"

    class Family(MeansFamily):
        def inspect(self, path):
            try:
                return super().inspect(path)
            except BundleError as error:
                raise error.__cause__ from None


class TestServesAnything(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file was served"

    class Family(MeansFamily):
        def inspect(self, path):
            return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

        def load(self, path, signature, settings):
            return types.SimpleNamespace(concurrency="parallel", engine="exact", close=lambda: None)


class TestTwoLines(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "one sentence on one line"

    class Family(MeansFamily):
        def inspect(self, path):
            try:
                return super().inspect(path)
            except BundleError as error:
                raise BundleError(f"{error}\nSee above.") from error


class TestHangs(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file: .* hangs"
    patience = 0.2

    class Family(MeansFamily):
        def inspect(self, path):
            if not path.stat().st_size:
                threading.Event().wait()
            return super().inspect(path)


class Careless(PredictionsResource):
    """Answers everything by itself, and keeps nothing."""

    family = NAME

    def post(self):
        return json_response(b'{"outputs": [{"value": 1.0}]}')


class Forgetful(PredictionsResource):
    """Says where it keeps a prediction, and does not."""

    family = NAME

    def post(self):
        return json_response(b'{"outputs": []}', ("Content-Location", f"{self.request.path}/{uuid4()}"))


class Failing(ModelResource):
    family = NAME

    def get(self):
        raise ZeroDivisionError


class Misdescribed(ModelResource):
    family = NAME
    operations: ClassVar = {"get": Operation(summary="Wrong", answer={"type": "figure", "required": "all"})}

    def get(self):
        return {}


class TestAnswersOfItsOwn(Broken):
    breaks, says = Broken.test_answers_are_the_predictor_s, "what predict"
    resources: ClassVar = {"predictions": Careless}


class TestNoAddress(Broken):
    breaks, says = Broken.test_answers_are_kept_and_read_back, "Content-Location"
    resources: ClassVar = {"predictions": Careless}


class TestNotKept(Broken):
    breaks, says = Broken.test_answers_are_kept_and_read_back, "is not kept"
    resources: ClassVar = {"predictions": Forgetful}


class TestTakesAll(Broken):
    breaks, says = Broken.test_wrong_instances_are_refused_with_code_and_pointer, "'carrier' = 1 must be refused"
    resources: ClassVar = {"predictions": Careless}


class TestTakesNothing(Broken):
    breaks, says = Broken.test_bodies_without_instances_are_refused, "must be answered 400, not 200"
    resources: ClassVar = {"predictions": Careless}


class TestNoPredictions(Broken):
    breaks, says = Broken.test_the_model_describes_itself, "The family brings no predictions"
    resources: ClassVar = {}


class TestResourceFails(Broken):
    breaks, says = Broken.test_every_resource_of_the_model_can_be_read, "GET .*/sizes answers 500"
    resources: ClassVar = {"predictions": MeansPredictions, "sizes": Failing}


class TestMisdescribed(Broken):
    breaks, says = Broken.test_the_openapi_document_is_valid, "mend the operations"
    resources: ClassVar = {"predictions": MeansPredictions, "sizes": Misdescribed}
