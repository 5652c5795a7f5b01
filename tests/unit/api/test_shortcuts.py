from collections.abc import Mapping
from typing import Any, ClassVar

from mlserve.api.resources import Direct, Resource
from mlserve.api.shortcuts import direct_of


def directly(context: Any, request: Any) -> None:
    """Leaves every request to the resource."""


class Quick(Resource):
    direct: ClassVar[Mapping[str, Direct]] = {"post": directly}

    def post(self) -> None:
        """What `directly` stands for."""


class Inheriting(Quick):
    """A family's own, which changes nothing."""


class Changing(Quick):
    def post(self) -> None:
        """What `directly` knows nothing of."""


def test_a_resource_with_a_way_of_its_own_is_not_passed_by() -> None:
    assert direct_of(Quick) is directly
    assert direct_of(Inheriting) is directly
    assert direct_of(Changing) is None


def test_what_is_no_resource_has_no_direct_way() -> None:
    assert direct_of(Resource) is None
    assert direct_of(directly) is None
    assert direct_of(None) is None
