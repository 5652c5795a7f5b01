"""Resources of a model that break a rule of the API."""

from typing import ClassVar
from uuid import uuid4

from mlserve.api.operations import Operation
from mlserve.api.renderer import json_response
from mlserve.api.resources import ModelResource
from mlserve.predictions.resources import PredictionsResource
from mlserve_template.family import NAME
from mlserve_template.resources import TemplatePredictions
from tests.unit.testing.broken.plugin import Broken


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
    resources: ClassVar = {"predictions": TemplatePredictions, "sizes": Failing}


class TestMisdescribed(Broken):
    breaks, says = Broken.test_the_openapi_document_is_valid, "mend the operations"
    resources: ClassVar = {"predictions": TemplatePredictions, "sizes": Misdescribed}
