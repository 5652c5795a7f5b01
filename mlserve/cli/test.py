"""`mlserve test`: may this bundle go live? Every check is told, in a table, as JSON, and for a CI as JUnit XML."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from mlserve.application import Application
from mlserve.bundles.sample import read_sample
from mlserve.checking import Report, check_bundle, version_of
from mlserve.checks import Asked, Bound, Tolerances, read_bound, read_tolerances
from mlserve.checks.junit import junit
from mlserve.cli.ini import surroundings
from mlserve.cli.output import format_option, print_json, print_table
from mlserve.cli.times import DURATION
from mlserve.errors import MlserveError


class NotTested(click.ClickException):
    """Nothing was found out, so that it is no failure of the model: the exit status of a usage error."""

    exit_code = 2


def _read(value: Callable[[], Any]) -> Any:
    try:
        return value()
    except ValueError as error:
        raise click.BadParameter(f"write {error}.") from None


def _bounds(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[Bound, ...]:
    return tuple(_read(partial(read_bound, text, least=parameter.name == "least")) for text in texts)


def _tolerances(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> Tolerances:
    found: Tolerances = _read(lambda: read_tolerances(texts))
    return found


@click.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Rows: .parquet, .csv."
)
@click.option("--target", help="The column with what really happened. Default: as when it was packaged.")
@click.option("--min", "least", multiple=True, callback=_bounds, metavar="SCORE=NUMBER", help="Such as auc=0.70.")
@click.option("--max", "most", multiple=True, callback=_bounds, metavar="SCORE=NUMBER", help="Such as log_loss=0.5.")
@click.option("--max-p99", type=DURATION, help="The slowest p99 of single rows, such as 5ms.")
@click.option(
    "--max-refused",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="The largest share of rows that the signature may refuse.",
)
@click.option("--against", metavar="MODEL[@ALIAS|NUMBER]", help="A version to be no worse than; needs --ini.")
@click.option(
    "--tolerance", multiple=True, callback=_tolerances, metavar="[SCORE=]NUMBER", help="How much worse it may be."
)
@click.option(
    "--ini", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Whose registry, plugins and settings."
)
@click.option("--junit", "report", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML there.")
@format_option("table", "json")
@click.option("--plugin", "plugins", multiple=True, help="As in mlserve.plugins. Default: all installed ones.")
@click.option("--trust", is_flag=True, help="Load a format that runs code of the model file.")
def test(
    bundle: Path,
    data: Path,
    target: str | None,
    least: tuple[Bound, ...],
    most: tuple[Bound, ...],
    max_p99: float | None,
    max_refused: float,
    against: str | None,
    tolerance: Tolerances,
    ini: Path | None,
    report: Path | None,
    form: str,
    plugins: tuple[str, ...],
    trust: bool,
) -> None:
    """Test a bundle with real rows before it goes live.

    Its golden predictions, the fit of the rows, scores, and the time of single rows; with --against also that callers
    can go on, and that no score is worse. All checks run. The exit status is 1 when one fails, and 2 when nothing
    could be tested.
    """
    if against is not None and ini is None:
        raise click.UsageError("--against needs --ini: the INI of the server whose version it is.")
    asked = Asked((*least, *most), target, max_p99, max_refused, tolerance)
    try:
        sample = read_sample(data)
        application = _application(ini, plugins)
        other = None if against is None or application is None else version_of(application, against)
        done = check_bundle(bundle, sample, asked, plugins=plugins, trust=trust, application=application, other=other)
    except MlserveError as error:
        raise NotTested(str(error)) from None
    if report is not None:
        _write(report, junit(_name(done, bundle), done.checks))
    _tell(done, bundle, form)
    raise SystemExit(0 if done.passed else 1)


def _application(ini: Path | None, plugins: tuple[str, ...]) -> Application | None:
    """The application of an INI, not started. Raises NotTested, ConfigurationError."""
    try:
        return surroundings(ini, plugins)
    except SystemExit as end:  # With its one sentence, but another exit status.
        raise NotTested(str(end)) from None


def _name(done: Report, bundle: Path) -> str:
    return (done.manifest and done.manifest.name) or bundle.stem


def _write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise NotTested(f"{path} cannot be written: {error.strerror}.") from None


def _tell(done: Report, bundle: Path, form: str) -> None:
    if form == "json":
        told = {
            "model": _name(done, bundle),
            "digest": done.manifest and done.manifest.digest,
            "passed": done.passed,
            "checks": [check.to_json() for check in done.checks],
        }
        print_json(told)
        return
    rows = [
        (check.name, check.state, "\n".join([check.sentence, *(f"- {detail}" for detail in check.details)]))
        for check in done.checks
    ]
    print_table(("check", "state", "what was found"), rows)
    failed = sum(check.state == "failed" for check in done.checks)
    verdict = f"fails {failed} of {len(done.checks)} checks" if failed else f"passes {len(done.checks)} checks"
    click.echo(f"{_name(done, bundle)} {verdict}.")
