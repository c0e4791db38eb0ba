"""What routers are given."""

import json
from typing import Annotated, Any

import yaml
from fastapi import Depends, Request

from service.studies import Studies
from unhobble.errors import BadInput, Issue

_MAX_BODY_BYTES = 2**20


def _studies(request: Request) -> Studies:
    studies: Studies = request.app.state.studies
    return studies


async def _document(request: Request) -> Any:
    """The body, as JSON or (with a YAML content type) as YAML."""
    length = int(request.headers.get("content-length") or 0)
    body = await request.body() if length <= _MAX_BODY_BYTES else b""
    if length > _MAX_BODY_BYTES or len(body) > _MAX_BODY_BYTES:
        raise BadInput([Issue("", f"the body is larger than {_MAX_BODY_BYTES} bytes")])
    kind = request.headers.get("content-type", "")
    try:
        return yaml.safe_load(body) if "yaml" in kind else json.loads(body)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadInput([Issue("", f"the body cannot be read as {'YAML' if 'yaml' in kind else 'JSON'}: {error}")]) from None


StudiesDep = Annotated[Studies, Depends(_studies)]
DocumentDep = Annotated[Any, Depends(_document)]
