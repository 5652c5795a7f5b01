"""What settings say of models, against those that there are."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

from mlserve.db.engine import Database
from mlserve.faults import Fault
from mlserve.inference import LiveModel
from mlserve.registry import aliases, service
from mlserve.registry.registered import Known, Registered
from mlserve.registry.setting_checks import Signatures, models_of, registered, told, unknown_model
from mlserve.signature import Field, OutputField, Signature
from tests.unit.registry.test_aliases import Packed
from tests.unit.registry.test_declared import application

XY = Signature((Field("x", "float64"),), (OutputField("y", "float64"),))


def test_models_of_the_registry_are_known_by_their_aliases(database: Database) -> None:
    with database.write() as connection:
        service.register(connection, "idle", Packed("d0"))
        service.register(connection, "m", Packed("d1"))
        aliases.move(connection, "m", "champion", 1)
        assert registered(connection) == {"idle": {}, "m": {"champion": XY}}


def test_models_of_a_process_are_those_that_it_serves_or_knows(tmp_path: Path) -> None:
    made = application(tmp_path)
    with closing(made.database):
        versions = {"idle": {1: Known("a", "linear")}, "line": {1: Known("b", "linear")}}
        made.registry = SimpleNamespace(registered=Registered(1, versions, {}))  # type: ignore[assignment]
        loaded = SimpleNamespace(signature=XY)
        made.live.put(LiveModel("line", "linear", loaded, named={"champion": 1, "next": 2}))  # type: ignore[arg-type]
        assert models_of(made) == {"idle": {}, "line": {"champion": XY, "next": None}}


def test_every_check_is_told_and_one_that_fails_says_so(tmp_path: Path) -> None:
    def fail(models: Signatures) -> Iterable[str]:
        raise KeyError("secret")

    made = application(tmp_path)
    with closing(made.database):
        made.setting_checks["mlserve.toy.model"] = (
            lambda models: [unknown_model("mlserve.toy.model", "x", models)],
            "toy",
        )
        made.setting_checks["mlserve.toy.other"] = fail, "toy"
        made.setting_checks["mlserve.gone.model"] = fail, "gone"
        made.faults.add(Fault("gone", "start", ValueError()))
        assert told(made, {"line": {}}) == [
            "mlserve.toy.model names 'x', which is no model here.",
            "mlserve.toy.other cannot be checked: KeyError.",
        ]
