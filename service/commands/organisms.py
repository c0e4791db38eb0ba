"""``organism``: the simulated models."""

import os
from typing import Annotated

import typer

from service.commands.serving import Host, Port, listening, serve_asgi
from service.commands.terminal import Json, err, out, print_json
from service.commands.truth import truth
from unhobble.errors import BadInput, Issue

app = typer.Typer()
organism = typer.Typer(no_args_is_help=True, help="Simulated models with a known hidden capability: positive controls.")
app.add_typer(organism, name="organism")


@organism.command(name="list")
def list_organisms(*, as_json: Json = False) -> None:
    """Show the organisms that come with Unhobble."""
    from unhobble.models.organism.traits import load_traits, organism_names

    found = {f"organism/{name}": load_traits(name).summary for name in organism_names()}
    if as_json:
        print_json({"organisms": [{"id": name, "summary": summary} for name, summary in found.items()]})
        return
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("model id", no_wrap=True)
    table.add_column("what it is good for")
    for name, summary in found.items():
        table.add_row(name, summary)
    out().print("These are SIMULATED models: figures of them are about the search, not about any language model.\n")
    out().print(table)


@organism.command()
def show(name: Annotated[str, typer.Argument(help="The organism, with or without organism/.")], *, as_json: Json = False) -> None:
    """Show what an organism can do, and what hobbles it."""
    from unhobble.models.organism.traits import Traits, load_traits

    traits = load_traits(name.removeprefix("organism/"))
    if as_json:
        print_json({"id": f"organism/{name.removeprefix('organism/')}", **traits.model_dump(mode="json")})
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(style="dim")
    for field, value in traits:
        if field == "summary":
            continue
        shown = ", ".join(f"{key} {share:g}" for key, share in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(field, shown or "-", Traits.model_fields[field].description)
    out().print(f"[black on yellow] SIMULATED MODEL [/] {traits.summary}\n")
    out().print(table)


Only = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Serve this organism only; may be given several times.")]
Latency = Annotated[float | None, typer.Option(min=0, help="Median seconds of each answer, instead of what the organisms have.")]
Spread = Annotated[
    float | None, typer.Option(min=0, help="Standard deviation of the natural logarithm of those seconds; 0: all answers alike.")
]
KeyEnv = Annotated[str | None, typer.Option(metavar="NAME", help="Environment variable with the key that requests must bring.")]


organism.command()(truth)


@organism.command()
def serve(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8377,
    only: Only = None,
    latency: Latency = None,
    latency_spread: Spread = None,
    api_key_env: KeyEnv = None,
    as_json: Json = False,
) -> None:
    """Serve organisms over HTTP, in the shape of OpenAI's chat completions. Ctrl-C stops it."""
    from unhobble.models.organism.server import LEAVE_AFTER_S, OrganismApp, organism_clients

    timing = {"latency_s": latency, "latency_spread": latency_spread}
    clients = organism_clients(only, **{name: value for name, value in timing.items() if value is not None})
    key = None if api_key_env is None else _key_in(api_key_env)

    def say(address: str) -> None:
        err().print(f"SIMULATED models are at [bold]{address}/v1[/]:")
        for name, client in clients.items():
            err().print(f"  {name}  {client.traits.summary}", markup=False)
        named = "" if api_key_env is None else f", api_key_env: {api_key_env}"
        err().print("In a study:", markup=False)
        err().print(f"  model: {{id: openai/{min(clients)}, api_base: {address}/v1{named}}}", soft_wrap=True, markup=False)

    with listening(host or "127.0.0.1", 8377 if port is None else port) as listener:
        serve_asgi(OrganismApp(clients, key=key), listener, say, as_json=as_json, leave_after_s=LEAVE_AFTER_S)


def _key_in(variable: str) -> str:
    if key := os.environ.get(variable, "").strip():
        return key
    raise BadInput([Issue("--api-key-env", f"the environment variable {variable!r} is not set")])
