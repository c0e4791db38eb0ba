"""``catalog`` and ``config``: what can be written into a study."""

from typing import Annotated, Any

import typer

from service.commands.terminal import Json, out, print_json
from unhobble.vocabulary import PluginKind

app = typer.Typer()
config = typer.Typer(no_args_is_help=True, help="Help with writing a study.")
app.add_typer(config, name="config")


@app.command()
def catalog(
    kind: Annotated[PluginKind | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(PluginKind)}.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show what is installed: scaffolds, tool formats, prompts, sandboxes, suites, strategies, with their parameters."""
    from unhobble.registry import installed

    registry = installed()
    kinds = [kind] if kind else list(PluginKind)
    if as_json:
        print_json(
            {
                k.value: [{"id": p.id, "summary": p.summary, "schema": p.config.model_json_schema()} for p in registry.all(k)]
                for k in kinds
            }
        )
        return
    for place, one in enumerate(kinds):
        _print_kind(one, registry.all(one), first=place == 0)


@config.command()
def schema(*, as_json: Json = False) -> None:
    """Print the JSON Schema of a study, for completion in an editor."""
    del as_json  # it is JSON either way
    from unhobble.spec import StudySpec

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **StudySpec.model_json_schema()}
    print_json(document)


def _print_kind(kind: PluginKind, plugins: list[Any], *, first: bool) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if not first:
        out().print()
    out().print(kind.value.replace("_", " "), style="bold underline")
    for plugin in plugins:
        out().print(Text.assemble((plugin.id, "bold"), "  ", plugin.summary))
        for line in parameter_lines(plugin.config.model_json_schema()):
            out().print(Padding(Text(line, style="dim"), (0, 0, 0, 4)))


def parameter_lines(schema: dict[str, Any]) -> list[str]:
    """One line for each parameter of a plug-in, from the JSON Schema of its configuration."""
    required = schema.get("required", [])
    lines = []
    for name, parameter in schema.get("properties", {}).items():
        default = "needed" if name in required else f"default {parameter.get('default')!r}"
        about = f": {parameter['description']}" if "description" in parameter else ""
        lines.append(f"{name} ({_type(parameter, schema)}, {default}){about}")
    return lines


def _type(parameter: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type of a parameter in words, with its bounds."""
    if "$ref" in parameter:
        return _type(schema["$defs"][parameter["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in parameter:
        return " or ".join(_type(option, schema) for option in parameter["anyOf"])
    if "enum" in parameter:
        return "one of " + ", ".join(map(str, parameter["enum"]))
    kind = str(parameter.get("type", parameter.get("const", "any")))
    low, high = parameter.get("minimum"), parameter.get("maximum")
    bounds = [f"from {low}" if low is not None else "", f"to {high}" if high is not None else ""]
    return " ".join(filter(None, [kind, *bounds]))
