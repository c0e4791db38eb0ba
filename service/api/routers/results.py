"""What comes out of a study: the best configuration, its exports, and what is believed of any other."""

import json
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from service.api.dependencies import DocumentDep, StudiesDep
from service.api.schemas import PredictedOut
from service.exports import BestConfiguration

router = APIRouter(prefix="/v1/studies", tags=["results"])
TrackName = Annotated[
    str | None,
    Query(description="A confirmed track by its name, or by how the name begins: with-advantage. The headline's without this."),
]


class ExportFormat(StrEnum):
    """Formats of an export."""

    yaml = "yaml"
    json = "json"


@router.get("/{study_id}/best", response_model=BestConfiguration)
def best(
    study_id: str, studies: StudiesDep, accept: Annotated[str, Header()] = "application/json", track: TrackName = None
) -> Response:
    """The best confirmed configuration, as application/json or application/yaml."""
    kind = ExportFormat.yaml if "yaml" in accept else ExportFormat.json
    return _rendered(studies.best(study_id, track), kind)


@router.get("/{study_id}/export", response_model=BestConfiguration)
def export(
    study_id: str,
    studies: StudiesDep,
    kind: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.yaml,
    track: TrackName = None,
) -> Response:
    """The best confirmed configuration as a file."""
    response = _rendered(studies.best(study_id, track), kind)
    response.headers["content-disposition"] = f'attachment; filename="unhobble-{study_id}.{kind.value}"'
    return response


@router.post("/{study_id}:predict")
def predict(study_id: str, document: DocumentDep, studies: StudiesDep) -> PredictedOut:
    """What success is believed of up to 100 configurations of the space, tried or not: ``{"configurations": [{...}, ...]}``.

    Whichever strategy the study uses, it is the model of ``pooled`` that says so, after all scored rollouts of the search so far.
    """
    return PredictedOut.of(studies.predict(study_id, document))


def _rendered(document: BestConfiguration, kind: ExportFormat) -> Response:
    content = document.model_dump(mode="json")
    if kind is ExportFormat.json:
        return Response(json.dumps(content, indent=2) + "\n", media_type="application/json")
    return Response(document.to_yaml(), media_type="application/yaml")
