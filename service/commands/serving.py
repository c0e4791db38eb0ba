"""``serve``: the HTTP service. ``serve_asgi`` is shared with ``organism serve``."""

import contextlib
import socket
from collections.abc import Callable
from typing import Annotated, Any

import typer

from service.commands.terminal import Database, Json, err, load_settings, print_json, quiet_stdout
from unhobble.errors import BadInput, Issue

app = typer.Typer()

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")]


@app.command()
def serve(*, host: Host = None, port: Port = None, database: Database = None, as_json: Json = False) -> None:
    """Run the service: the HTTP API, and a controller that runs the studies handed in. Ctrl-C stops it."""
    settings = load_settings(database)

    def say(address: str) -> None:
        err().print(f"Unhobble is at [bold]{address}[/]  (the API is described at {address}/docs)")
        err().print("Hand in a study from another terminal with:", markup=False)
        err().print(f"  unhobble submit SPEC.yaml --server {address}", soft_wrap=True, markup=False)
        err().print("Ctrl-C stops the service; what is finished is kept.", markup=False)

    with listening(settings.host if host is None else host, settings.port if port is None else port) as listener:
        from service.app import create_app

        serve_asgi(create_app(settings), listener, say, as_json=as_json)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ``BadInput`` where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        said = (
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with --host or --port (0 takes a free port)"
        )
        raise BadInput([Issue("", said)]) from None
    # asyncio does so only for sockets that name their protocol, which this one does not. Else an answer that is written in two
    # pieces waits 40 ms for the acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve_asgi(
    application: Any,
    listener: socket.socket,
    say: Callable[[str], None],
    *,
    as_json: bool,
    leave_after_s: int | None = None,
) -> None:
    """Serve ``application`` on ``listener`` until it is told to stop. ``say`` is called with the address beforehand.

    ``leave_after_s``: how long requests are given to come to their end then; None: as long as they take.
    """
    import uvicorn

    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if as_json:
        print_json({"address": address})
    else:
        say(address)
    with quiet_stdout(quiet=True), contextlib.suppress(KeyboardInterrupt):  # uvicorn writes who asked for what to standard output
        log_level = "info" if err().is_terminal else "warning"
        config = uvicorn.Config(application, log_level=log_level, timeout_graceful_shutdown=leave_after_s)
        uvicorn.Server(config).run(sockets=[listener])
