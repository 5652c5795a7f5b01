"""`mlserve package`: a model file and a sample of real rows become a bundle."""

from pathlib import Path
from typing import Any

import click

from mlserve.bundles.card import read_card
from mlserve.bundles.sidecar import read_json
from mlserve.cli.ini import surroundings
from mlserve.errors import BundleError, MlserveError
from mlserve.packaging import package as make


@click.command()
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The model's name, such as flight-delay.")
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Real rows: .parquet, .csv. Default: a folder's own example.",
)
@click.option("--target", help="The column with what really happened: the model is scored on it.")
@click.option("--classes", help="The names of a classifier's classes, in the model's order: on_time,late.")
@click.option("--signature", type=click.Path(dir_okay=False, path_type=Path), help="Default: the file's sidecar.")
@click.option("--engine", help="Refuse to package where the family answers with another engine.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="An entry of the model card, such as owner=Ada.")
@click.option("--card", type=click.Path(dir_okay=False, path_type=Path), help="A model card in TOML or JSON.")
@click.option("--plugin", "plugins", multiple=True, help="As in mlserve.plugins. Default: all installed ones.")
@click.option("--ini", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Whose plugins and settings.")
@click.option("--trust", is_flag=True, help="Load a format that runs code of the model file.")
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="A new folder, or NAME.mlbundle.")
def package(
    model: Path,
    data: Path | None,
    classes: str | None,
    signature: Path | None,
    meta: tuple[str, ...],
    card: Path | None,
    plugins: tuple[str, ...],
    ini: Path | None,
    **options: Any,
) -> None:
    """Package a model with real rows and its answers to them: a model file, or another tool's model folder.

    The bundle has the signature, golden predictions, a baseline of inputs and outputs, scores, where all of it came
    from, and the model card. Families have their default settings unless there is --ini.
    """
    try:
        manifest = make(
            model,
            data,
            plugins=plugins,
            application=surroundings(ini, plugins),
            classes=[name.strip() for name in classes.split(",")] if classes else (),
            signature=None if signature is None else read_json(signature),
            metadata={**({} if card is None else read_card(card)), **_entries(meta)},
            **options,
        )
    except MlserveError as error:
        raise click.ClickException(str(error)) from None
    golden = manifest.golden or {}
    rows = manifest.provenance["data"]["rows"]
    click.echo(f"{options['out']}: {manifest.name}, {manifest.family}, digest {manifest.digest}")
    click.echo(f"{len(golden['instances'])} golden predictions of {rows} rows; {_told(manifest.metrics)}")


def _entries(meta: tuple[str, ...]) -> dict[str, str]:
    entries = {}
    for entry in meta:
        key, equals, value = entry.partition("=")
        if not equals or not key:
            raise BundleError(f"--meta {entry!r} is no entry of a model card: write key=value.")
        entries[key] = value
    return entries


def _told(metrics: dict[str, Any]) -> str:
    measured = dict(metrics.get("measured", {}))
    if not measured:
        return "no scores, since no target was given"
    target, rows = measured.pop("target"), measured.pop("rows")
    scores = ", ".join(f"{name} {value:.6g}" for name, value in measured.items())
    return f"{scores} on {rows} rows with {target}"
