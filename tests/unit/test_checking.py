"""Checks of a bundle with the installed plugins, and against a version of a registry."""

from pathlib import Path

import pytest

from mlserve import checking
from mlserve.application import Application
from mlserve.bundles.sample import Sample, read_sample
from mlserve.checks import Asked, Other, read_bound
from mlserve.errors import AliasUnknown, BundleError, ModelUnknown, VersionUnknown
from mlserve.packaging import application_with, opened, package
from mlserve.part import Part
from mlserve.startup import build
from tests.factories import linear_model, serving, settings_of

DATA = {"x": [1.0, 2.0, 3.0], "y": [0.25, 0.5, 1.5], "value": [2.75, 4.5, 5.5]}
PLUGINS = ("mlserve_linear",)


@pytest.fixture
def sample() -> Sample:
    return read_sample(DATA)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "line.mlbundle"
    package(linear_model(tmp_path), DATA, name="line", target="value", plugins=PLUGINS, out=path)
    return path


@pytest.fixture
def live(tmp_path: Path) -> Application:
    """An application of a registry with one version, which is off by one; it is not started."""
    folder = tmp_path / "live"
    folder.mkdir()
    settings = settings_of(folder, models={"line": linear_model(folder, intercept=2.0)})
    with serving(settings):
        pass
    application: Application = build(settings, here=str(folder), environ={}, part=Part.COMMAND).registry.mlserve
    return application


def states(report: checking.Report) -> dict[str, str]:
    return {check.name: check.state for check in report.checks}


def test_the_target_is_that_of_packaging_unless_another_is_asked_for(bundle: Path, sample: Sample) -> None:
    asked = Asked((read_bound("mae=0", least=False),))
    report = checking.check_bundle(bundle, sample, asked, plugins=PLUGINS)
    assert report.passed
    assert list(states(report)) == ["bundle", "golden", "fit", "scores", "max mae", "latency"]
    with opened(bundle) as unpacked:
        assert checking.target_of(unpacked.manifest) == "value"
    report = checking.check_bundle(bundle, sample, Asked(asked.bounds, "x"), plugins=PLUGINS)
    assert states(report)["max mae"] == "failed"


def test_what_is_no_bundle_is_one_failed_check(tmp_path: Path, sample: Sample) -> None:
    (tmp_path / "x.mlbundle").write_bytes(b"PK")
    report = checking.check_bundle(tmp_path / "x.mlbundle", sample, Asked(), plugins=PLUGINS)
    assert report.manifest is None
    assert states(report) == {"bundle": "failed"}
    assert report.checks[0].sentence.endswith(" Nothing else was looked at.")


@pytest.mark.exhaustive
def test_golden_predictions_that_are_answered_otherwise(bundle: Path, sample: Sample) -> None:
    application = application_with(PLUGINS, {"mlserve.linear.decimals": "0"})
    report = checking.check_bundle(bundle, sample, Asked(), application=application)
    (golden,) = [check for check in report.checks if check.name == "golden"]
    assert golden.state == "failed"
    assert golden.sentence.startswith("3 faults with the golden predictions in a fresh process: ")
    assert len(golden.details) == 2


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("named", "called"),
    [("line", "line@champion (version 1)"), ("line@champion", "line@champion (version 1)"), ("line@1", "line@1")],
)
def test_a_version_of_the_registry_by_alias_by_number_or_as_the_champion(
    named: str, called: str, live: Application, bundle: Path, sample: Sample
) -> None:
    other: Other = checking.version_of(live, named)
    assert other.name == called
    with other.load() as loaded:
        assert (loaded.lineage.model, loaded.lineage.version) == ("line", 1)
    report = checking.check_bundle(bundle, sample, Asked(), plugins=PLUGINS, other=other)
    assert report.passed
    assert states(report)[f"mae against {called}"] == "passed"


@pytest.mark.parametrize(
    ("named", "error"), [("nope", ModelUnknown), ("line@nope", AliasUnknown), ("line@7", VersionUnknown)]
)
def test_what_the_registry_has_not(named: str, error: type[Exception], live: Application) -> None:
    with pytest.raises(error):
        checking.version_of(live, named)


def test_what_a_family_raises_of_a_model_is_told_as_of_its_bundle() -> None:
    def load() -> checking.LoadedVersion:
        raise ZeroDivisionError("secret of the plugin")

    with pytest.raises(BundleError, match=r"^The model cannot be loaded: ZeroDivisionError\.$"):
        checking._whatever(load)
