"""scikit-learn models and pipelines for mlserve: `mlserve.plugins = sklearn`."""

from importlib.util import find_spec

from pyramid.config import Configurator

from mlserve.errors import ConfigurationError
from mlserve.settings import Setting
from mlserve_sklearn.family import NAME, PICKLE, SklearnFamily, SklearnPickleFamily
from mlserve_sklearn.outputs import NAMES
from mlserve_sklearn.panel import steps_panel
from mlserve_sklearn.resources import (
    PickledPredictions,
    PickledStructure,
    SklearnPredictions,
    SklearnStructure,
)
from mlserve_sklearn.trusted import SETTING

MLSERVE_API = (1, 1)
OUTPUTS = "mlserve.sklearn.outputs"


def includeme(config: Configurator) -> None:
    for package in ("sklearn", "skops", "pandas"):
        if find_spec(package) is None:
            raise ConfigurationError(
                f"The plugin sklearn needs the package {package}, which is not installed: in a clone run "
                "`.venv/bin/pip install -e plugins/sklearn -c constraints.txt`."
            )
    config.add_setting(
        Setting(
            SETTING,
            "list",
            "",
            "Types that .skops files may hold beside those that are known to be harmless, by their full names.",
            example="xgboost.sklearn.XGBClassifier xgboost.core.Booster",
            changes_answers=False,
        )
    )
    config.add_setting(
        Setting(
            OUTPUTS,
            "list",
            "",
            "Which outputs new .skops files are to have; none named: all but a decision beside a probability.",
            example="label decision",
            changes_answers=False,
        )
    )
    settings = config.registry.mlserve.settings
    if unknown := [name for name in settings[OUTPUTS] if name not in NAMES]:
        raise ConfigurationError(f"{OUTPUTS} names {unknown[0]!r}: the outputs are {', '.join(NAMES)}.")
    config.add_model_family(NAME, lambda: SklearnFamily(settings[SETTING], settings[OUTPUTS]))
    config.add_model_family(PICKLE, SklearnPickleFamily)
    for predictions, structure in (
        (SklearnPredictions, SklearnStructure),
        (PickledPredictions, PickledStructure),
    ):
        config.add_model_resource("predictions", predictions)
        config.add_model_resource("structure", structure)
    for family in (NAME, PICKLE):
        config.add_model_panel(
            "structure", template="mlserve_sklearn:templates/steps.jinja2", view=steps_panel, family=family
        )
