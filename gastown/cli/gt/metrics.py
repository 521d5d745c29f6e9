"""`gt metrics`: the town's figures for Prometheus."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gastown.cli.commands import command, pass_context
from gastown.cli.context import Context

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


@command("metrics", resident=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this file, whole or not at all.")
@click.option("--port", type=click.IntRange(1, 65535), help="Serve them on 127.0.0.1 until interrupted.")
@pass_context
def metrics(context: Context, out: Path | None, port: int | None) -> None:
    """Print the town's figures in the Prometheus text format: beads, queues, waits, gate runs, landings, leases.

    With --out a timer may feed the node exporter's textfile collector; with --port Prometheus asks by itself.

    \b
    Examples:
      gt metrics
      gt metrics --out /var/lib/node_exporter/gastown.prom
      gt metrics --port 9477
    """
    from prometheus_client import generate_latest, write_to_textfile

    from gastown.errors import Invalid, Unavailable
    from gastown.town import metrics as town

    if out is not None and port is not None:
        raise Invalid("--out and --port exclude each other", hint="Give one of them.")
    registry = town.registry(context.read)
    if port is not None:
        _serve(context, registry, port)
    elif out is not None:
        try:
            write_to_textfile(str(out), registry)
        except OSError as error:
            raise Unavailable(f"{out} cannot be written: {error.strerror}", hint="Name another file.") from None
        if context.json:
            context.print_json({"file": str(out)})
    elif context.json:
        context.print_json(town.samples(registry))
    else:
        context.echo(generate_latest(registry).decode().rstrip("\n"))


def _serve(context: Context, registry: "CollectorRegistry", port: int) -> None:
    from prometheus_client import start_http_server

    from gastown.errors import Unavailable

    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise Unavailable(f"port {port} cannot be used: {error.strerror}", hint="Give another --port.") from None
    context.echo(f"Serving http://127.0.0.1:{port}/metrics until interrupted.")
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()
        server.server_close()
