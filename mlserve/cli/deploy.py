"""`mlserve deploy`: a bundle becomes a version, and an alias names it."""

from contextlib import closing
from pathlib import Path

import click

from mlserve.cli.ini import built, ini_argument
from mlserve.cli.registry import alias_option, author, force_option, reason_option, registry_of, seen, tell_move
from mlserve.errors import BundleError, ConfigurationError, SignatureError
from mlserve.registry import aliases, service
from mlserve.registry.bringing import bring
from mlserve.registry.loading import load_bundle, require_trust, store_of, verify
from mlserve.settings.read import MODEL_NAME


@click.command()
@ini_argument
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="The model; default: as the bundle says.")
@alias_option
@click.option("--register-only", is_flag=True, help="Register the version, and move no alias.")
@reason_option
@force_option
def deploy(
    ini: Path, bundle: Path, name: str | None, alias: str, register_only: bool, reason: str, force: bool
) -> None:
    """Register a bundle as a version, and let an alias name it.

    BUNDLE is an archive, a folder, or a model file with its sidecars. It is loaded and asked its golden predictions
    first. Servers on this database load it, and then answer by it.
    """
    with built(ini) as application:
        store = store_of(application)
        family, manifest = bring(application, bundle, str(bundle), store)
        model = name or manifest.name
        if model is None:
            raise ConfigurationError(f"{bundle} does not say the model's name: say --name NAME.")
        for text, what in ((model, "a model"), (alias, "an alias")):
            if not MODEL_NAME.fullmatch(text):
                raise ConfigurationError(f"{text!r} cannot name {what}: write a-z, 0-9 and -, beginning with a letter.")
        require_trust(application, family, manifest.digest)
        try:
            with closing(load_bundle(application, family, manifest.digest, {"model": model, "version": 0})) as loaded:
                verify(loaded)
        except (BundleError, SignatureError) as error:
            raise click.ClickException(f"{bundle} is not deployed: {error}") from None
        # The version and the alias in one transaction: whoever is interrupted leaves nothing half done.
        with registry_of(application) as database, database.write() as connection:
            before, was = seen(connection, model, alias), aliases.find(connection, model, alias)
            known = service.exists(connection, model) and service.number_of(connection, model, manifest.digest)
            number = service.register(connection, model, manifest, author(reason))
            if not register_only:
                moved = aliases.move(connection, model, alias, number, seen=before, author=author(reason), force=force)
    click.echo(f"{model} version {number} {'was registered before' if known else 'is registered'}: {manifest.digest}")
    if not register_only:
        tell_move(before, moved, None if was is None else was.version)
