"""Every start-up failure that a setting can cause is one sentence, and this file is where each is written down."""

from pathlib import Path

import pytest

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting, Settings, read_settings

HERE = Path("/etc/mlserve")
THREADS = Setting("mlserve.xgboost.threads", "int", 1, "Threads of one prediction.", minimum=1)


def refusal(raw: dict[str, str] | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(raw or {}, environ or {}, HERE)
    return caught.value.detail


def test_the_defaults_are_typed() -> None:
    settings = read_settings({}, {}, HERE)

    assert {name: settings[name] for name in settings} == {
        "mlserve.plugins": (),
        "mlserve.trust.digests": (),
        "mlserve.store.url": None,
        "mlserve.load.patience": 60.0,
        "mlserve.load.verify": False,
        "mlserve.var": HERE / "var",
        "mlserve.database.url": "sqlite:////etc/mlserve/var/mlserve.db",
        "mlserve.database.timeout": 5.0,
        "mlserve.log.way": "sql",
        "mlserve.log.unwritable": "refuse",
        "mlserve.log.block_from": 100,
        "mlserve.spool.segment_size": 64 * 2**20,
        "mlserve.spool.keep": 3600.0,
        "mlserve.spool.shutdown_grace": 10.0,
        "mlserve.shipper.enabled": True,
        "mlserve.shipper.interval": 0.2,
        "mlserve.shipper.batch": 1000,
        "mlserve.limits.body": 8 * 2**20,
        "mlserve.limits.instances": 10_000,
        "mlserve.limits.explained": 1000,
        "mlserve.limits.image_pixels": 25_000_000,
        "mlserve.limits.problems": 100,
        "mlserve.limits.depth": 64,
        "mlserve.limits.bundle": 1 << 30,
        "mlserve.auth.enabled": False,
        "mlserve.auth.open": False,
        "mlserve.auth.interval": 1.0,
        "mlserve.auth.rate": None,
        "mlserve.auth.burst": 100,
        "mlserve.session.idle": 3600.0,
        "mlserve.session.lifetime": 43200.0,
        "mlserve.session.key": None,
        "mlserve.login.failures": 5,
        "mlserve.login.lock": 300.0,
        "mlserve.dashboard.enabled": True,
        "mlserve.metrics.interval": 1.0,
        "mlserve.registry.interval": 1.0,
        "mlserve.health.interval": 5.0,
        "mlserve.health.timeout": 5.0,
        "mlserve.retention.age": None,
        "mlserve.delivery.interval": 1.0,
        "mlserve.delivery.timeout": 15.0,
        "mlserve.delivery.give_up": 432_000.0,
        "mlserve.delivery.keep": 2_592_000.0,
        "mlserve.delivery.plain_http": False,
    }
    assert settings.models == {}


def test_the_database_lies_in_var_unless_it_is_named() -> None:
    assert read_settings({"mlserve.var": "/data"}, {}, HERE)["mlserve.database.url"] == "sqlite:////data/mlserve.db"
    url = "postgresql://mlserve@localhost/mlserve"
    assert read_settings({"mlserve.database.url": url}, {}, HERE)["mlserve.database.url"] == url


@pytest.mark.parametrize(
    ("key", "text", "remark"),
    [
        ("mlserve.plugins", "xgboost  ; note", "a comment stands on a line of its own"),
        ("mlserve.plugins", "xgboost # note", "a comment stands on a line of its own"),
        ("mlserve.plugins", '"xgboost"', "without quotes"),
        ("mlserve.log.way", "'sql'", "without quotes"),
        ("mlserve.limits.depth", "64 ; levels", "a comment stands on a line of its own"),
    ],
)
def test_what_other_formats_have_and_an_ini_has_not_is_told(key: str, text: str, remark: str) -> None:
    assert refusal({key: text}).startswith(f"{key} is {text!r}: write ")
    assert refusal({key: text}).endswith(f" ({remark}).")


def test_the_environment_overrides_the_ini() -> None:
    settings = read_settings({"mlserve.limits.body": "1MiB"}, {"MLSERVE__LIMITS__BODY": "2MiB", "PATH": "/bin"}, HERE)

    assert settings["mlserve.limits.body"] == 2 * 2**20
    settings.refuse_unknown({})


def test_a_variable_may_say_here() -> None:
    settings = read_settings({}, {"MLSERVE__DATABASE__URL": "sqlite:///%(here)s/x.db"}, HERE)

    assert settings["mlserve.database.url"] == "sqlite:////etc/mlserve/x.db"


def test_without_an_ini_paths_start_at_the_working_directory() -> None:
    assert read_settings({}, {}, None)["mlserve.var"] == Path.cwd() / "var"


def test_a_key_that_nobody_claimed_is_a_key_error() -> None:
    settings = read_settings({"mlserve.xgboost.threads": "2"}, {}, HERE)

    assert "mlserve.xgboost.threads" not in settings
    with pytest.raises(KeyError):
        settings["mlserve.xgboost.threads"]


def test_a_bad_value_names_the_key_what_was_found_and_what_to_write() -> None:
    assert refusal({"mlserve.limits.instances": "many"}) == (
        "mlserve.limits.instances is 'many': write a whole number of at least 1, such as 10000."
    )


def test_a_bad_value_of_the_environment_names_the_variable_too() -> None:
    assert refusal({"mlserve.limits.body": "8MiB"}, {"MLSERVE__LIMITS__BODY": "8 megs"}) == (
        "mlserve.limits.body, set by the variable MLSERVE__LIMITS__BODY, is '8 megs': "
        "write a size with its unit (B, KiB, MiB, GiB) of at least 1KiB, such as 8MiB."
    )


def test_an_empty_value_is_refused_where_a_value_is_needed() -> None:
    assert refusal({"mlserve.limits.depth": " "}) == (
        "mlserve.limits.depth is empty: write a whole number from 4 to 500, such as 64, "
        "or remove the line for the default 64."
    )
    assert read_settings({"mlserve.retention.age": ""}, {}, HERE)["mlserve.retention.age"] is None


class TestPlugins:
    def test_a_plugin_setting_is_parsed_at_once_and_found_by_section(self) -> None:
        settings = read_settings({"mlserve.xgboost.threads": "4"}, {}, HERE)
        settings.add(THREADS)

        assert settings["mlserve.xgboost.threads"] == 4
        assert settings.section("mlserve.xgboost") == {"threads": 4}
        assert settings.table[-1] is THREADS
        settings.refuse_unknown({"xgboost": True})

    def test_a_bad_value_is_refused_when_the_setting_is_added(self) -> None:
        settings = read_settings({"mlserve.xgboost.threads": "0"}, {}, HERE)

        with pytest.raises(ConfigurationError, match=r"^mlserve.xgboost.threads is '0': write a whole number of at"):
            settings.add(THREADS)

    @pytest.mark.parametrize("name", ["mlserve.xgboost.threads", "mlserve.limits.body"])
    def test_a_second_claim_is_refused(self, name: str) -> None:
        settings = read_settings({}, {}, HERE)
        settings.add(THREADS)

        with pytest.raises(ConfigurationError, match=rf"^{name} is claimed twice, as '.+' and as 'Another.': two plug"):
            settings.add(Setting(name, "int", 2, "Another."))

    def test_keys_that_share_a_variable_cannot_be_told_apart(self) -> None:
        settings = read_settings({}, {}, HERE)
        settings.add(Setting("mlserve.demo.a-b", "int", 1, "One."))

        with pytest.raises(ConfigurationError, match="claimed twice"):
            settings.add(Setting("mlserve.demo.a_b", "int", 1, "Two."))


class TestModels:
    def test_models_come_from_the_ini_and_the_environment(self, tmp_path: Path) -> None:
        (tmp_path / "a.ubj").touch()
        (tmp_path / "b.ubj").touch()
        raw = {"mlserve.models.a--x": "a.ubj", "mlserve.models.b": str(tmp_path / "a.ubj")}
        environ = {"MLSERVE__MODELS__B": "b.ubj", "MLSERVE__MODELS__FLIGHT_DELAY": "b.ubj"}

        settings = read_settings(raw, environ, tmp_path)

        assert settings.models == {
            "a--x": tmp_path / "a.ubj",
            "b": tmp_path / "b.ubj",
            "flight-delay": tmp_path / "b.ubj",
        }
        settings.refuse_unknown({})

    def test_a_missing_file_stops_the_start_only_when_the_models_are_asked_for(self, tmp_path: Path) -> None:
        settings = read_settings({"mlserve.models.flight-delay": "flight-dalay.ubj"}, {}, tmp_path)
        (tmp_path / "flight-delay.ubj").touch()

        with pytest.raises(ConfigurationError) as caught:
            _ = settings.models

        assert caught.value.detail == (
            f"mlserve.models.flight-delay is '{tmp_path}/flight-dalay.ubj', which does not exist: "
            f"write the path of a model file (did you mean '{tmp_path}/flight-delay.ubj'?)."
        )

    @pytest.mark.parametrize(
        ("there", "near"),
        [
            (["flights.ini", "flights.py", "flights.csv", "flights.ubj.signature.json"], None),
            (["flights.json", "a-flight.ubj"], "a-flight.ubj"),
            (["flights.json", "flights.ini"], "flights.json"),
        ],
    )
    def test_only_what_may_be_a_model_is_offered(self, tmp_path: Path, there: list[str], near: str | None) -> None:
        settings = read_settings({"mlserve.models.a": "flight.ubj"}, {}, tmp_path)
        for name in there:
            (tmp_path / name).touch()

        with pytest.raises(ConfigurationError) as caught:
            _ = settings.models

        hint = f" (did you mean '{tmp_path}/{near}'?)." if near else "."
        assert caught.value.detail.partition("write the path of a model file")[2] == hint

    @pytest.mark.parametrize(
        ("text", "remark"),
        [("b.ubj  ; the best", "(a comment stands on a line of its own)"), ('"b.ubj"', "(without quotes)")],
    )
    def test_a_comment_or_quotes_in_a_path_are_told(self, tmp_path: Path, text: str, remark: str) -> None:
        (tmp_path / "b.ubj").touch()
        settings = read_settings({"mlserve.models.b": text}, {}, tmp_path)

        with pytest.raises(ConfigurationError) as caught:
            _ = settings.models

        assert caught.value.detail.endswith(f"write the path of a model file {remark}.")

    def test_a_file_that_is_like_no_other(self, tmp_path: Path) -> None:
        settings = read_settings({}, {"MLSERVE__MODELS__A": "a.ubj"}, tmp_path)

        with pytest.raises(ConfigurationError) as caught:
            _ = settings.models

        assert caught.value.detail == (
            f"mlserve.models.a, set by the variable MLSERVE__MODELS__A, is '{tmp_path}/a.ubj', which does not exist: "
            "write the path of a model file."
        )

    def test_a_missing_folder_is_named(self, tmp_path: Path) -> None:
        settings = read_settings({"mlserve.models.a": "nowhere/a.ubj"}, {}, tmp_path)

        with pytest.raises(
            ConfigurationError, match=rf"write the path .* \(there is no folder '{tmp_path}/nowhere'\)\."
        ):
            _ = settings.models

    def test_a_folder_is_no_model_file(self, tmp_path: Path) -> None:
        settings = read_settings({"mlserve.models.a": "."}, {}, tmp_path)

        with pytest.raises(ConfigurationError, match="which is a folder and no bundle: write the path of a model"):
            _ = settings.models

    @pytest.mark.parametrize(
        ("name", "right"),
        [
            ("Flight_Delay", ", such as mlserve.models.flight-delay"),
            ("a.b", ", such as mlserve.models.a-b"),
            ("a" * 64, f", such as mlserve.models.{'a' * 63}"),
            ("1st", ""),
            ("", ""),
        ],
    )
    def test_a_name_that_is_none(self, name: str, right: str) -> None:
        assert refusal({f"mlserve.models.{name}": "a.ubj"}) == (
            f"mlserve.models.{name} does not name a model: write a name of at most 63 characters a-z, 0-9 and -, "
            f"beginning with a letter{right}."
        )

    def test_an_empty_path(self) -> None:
        assert refusal({"mlserve.models.a": ""}) == "mlserve.models.a is empty: write the path of a model file."


def test_two_settings_objects_share_nothing() -> None:
    first, second = Settings({}, {}, HERE), Settings({}, {}, HERE)
    first.add(THREADS)

    assert "mlserve.xgboost.threads" not in second
