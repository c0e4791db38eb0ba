"""Where the commands find studies: a service over HTTP, or the database on this machine. Both give the same shapes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import ValidationError

from service.api.schemas import EventOut, PredictedOut, StudyOut, Wire
from unhobble.errors import BadInput, Issue

if TYPE_CHECKING:
    from service.studies import Studies
    from unhobble.client import Client

W = TypeVar("W", bound=Wire)


class Source(Protocol):
    """Some studies. Methods raise ``NotFound``, ``Conflict`` or ``BadInput``."""

    def study(self, study_id: str) -> StudyOut:
        """One study as it stands."""
        ...

    def studies(self) -> Iterator[StudyOut]:
        """All of them, newest first."""
        ...

    def pause(self, study_id: str) -> StudyOut:
        """Start no further rollouts."""
        ...

    def resume(self, study_id: str) -> StudyOut:
        """Go on with a paused study."""
        ...

    def cancel(self, study_id: str) -> StudyOut:
        """End a study."""
        ...

    def events(self, study_id: str, after: int) -> list[EventOut]:
        """Some events with a number above ``after``, in order; none where there are none."""
        ...

    def export(self, study_id: str, kind: str, track: str | None) -> str:
        """The best confirmed configuration of a track (None: the headline) as the text of a file; ``kind`` is yaml or json."""
        ...

    def predict(self, study_id: str, configurations: list[dict[str, Any]]) -> PredictedOut:
        """What is believed of some configurations."""
        ...


class ServiceSource:
    """``Source`` over the HTTP API."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def study(self, study_id: str) -> StudyOut:
        return _study(self._client.study(study_id))

    def studies(self) -> Iterator[StudyOut]:
        return map(_study, self._client.studies())

    def pause(self, study_id: str) -> StudyOut:
        return _study(self._client.pause(study_id))

    def resume(self, study_id: str) -> StudyOut:
        return _study(self._client.resume(study_id))

    def cancel(self, study_id: str) -> StudyOut:
        return _study(self._client.cancel(study_id))

    def events(self, study_id: str, after: int) -> list[EventOut]:
        return [EventOut.model_validate(event) for event in self._client.events_after(study_id, after)]

    def export(self, study_id: str, kind: str, track: str | None) -> str:
        return self._client.export(study_id, format=kind, track=track)

    def predict(self, study_id: str, configurations: list[dict[str, Any]]) -> PredictedOut:
        return _read(PredictedOut, self._client.predict(study_id, configurations))


class DatabaseSource:
    """``Source`` over the store, without a service."""

    def __init__(self, studies: "Studies") -> None:
        self._studies = studies

    def study(self, study_id: str) -> StudyOut:
        return StudyOut.of(self._studies.store.study(study_id))

    def studies(self) -> Iterator[StudyOut]:
        from service.paging import all_studies

        return map(StudyOut.of, all_studies(self._studies.store))

    def pause(self, study_id: str) -> StudyOut:
        return StudyOut.of(self._studies.pause(study_id))

    def resume(self, study_id: str) -> StudyOut:
        return StudyOut.of(self._studies.resume(study_id))

    def cancel(self, study_id: str) -> StudyOut:
        return StudyOut.of(self._studies.cancel(study_id))

    def events(self, study_id: str, after: int) -> list[EventOut]:
        return [EventOut.of(event) for event in self._studies.store.events(study_id, after=after)]

    def export(self, study_id: str, kind: str, track: str | None) -> str:
        best = self._studies.best(study_id, track)
        return best.to_yaml() if kind == "yaml" else best.model_dump_json(indent=2) + "\n"

    def predict(self, study_id: str, configurations: list[dict[str, Any]]) -> PredictedOut:
        return PredictedOut.of(self._studies.predict(study_id, {"configurations": configurations}))


@contextmanager
def open_source(server: str | None, database: str | None) -> Iterator[Source]:
    """The service at ``server``; without one, or where ``database`` is given, the database itself."""
    if server and not database:
        from unhobble.client import Client

        with Client(server) as client:
            yield ServiceSource(client)
        return
    from service.commands.terminal import load_settings
    from service.db import open_store
    from service.studies import Studies
    from unhobble.registry import installed

    with open_store(load_settings(database).database_url) as store:
        yield DatabaseSource(Studies(store, installed()))


def _study(document: object) -> StudyOut:
    return _read(StudyOut, document)


def _read(shape: type[W], document: object) -> W:
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        said = f"the service answers in a shape that this version does not know ({error.error_count()} differences)"
        raise BadInput([Issue("--server", f"{said}; use the version of unhobble that the service has")]) from None
