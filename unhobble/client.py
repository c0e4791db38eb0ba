"""The Python client of the HTTP API.

::

    with Client("http://127.0.0.1:8642") as client:
        study = client.submit(Path("study.yaml").read_text())
        for event in client.events(study["id"]):
            print(event["kind"])
        print(client.export(study["id"]))

Answers are plain dictionaries in the shapes of the API's schema (``GET /openapi.json``). Problems (RFC 9457) become ``BadInput``,
``NotFound`` or ``Conflict``; a service that cannot be reached, or that answers anything else, becomes ``ServiceError``.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from unhobble.errors import BadInput, Conflict, Issue, NotFound, UnhobbleError
from unhobble.vocabulary import Phase

Document = dict[str, Any]

_PROBLEM = "application/problem+json"
_TIMEOUT_S = 30.0
_SILENCE_S = 60.0
"""The service sends a comment every 15 s over a stream of events; one that is silent for longer is dead."""
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 5.0


class ServiceError(UnhobbleError):
    """The service cannot be reached, or gave an answer that is no answer of Unhobble."""


class Client:
    """A service, by its address. Keeps connections open until ``close``; safe to share between threads."""

    def __init__(self, base_url: str, *, timeout_s: float = _TIMEOUT_S, transport: httpx.BaseTransport | None = None) -> None:
        """``transport`` takes the place of the network, for tests. Raises ``BadInput`` where ``base_url`` is no HTTP address."""
        if not base_url.startswith(("http://", "https://")):
            raise BadInput([Issue("base_url", f"{base_url!r} is no address; it must start with http:// or https://")])
        self.base_url = base_url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.base_url, timeout=timeout_s, transport=transport, headers={"accept": "application/json"}
        )

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- studies ----------------------------------------------------------------------------------------------------------
    def submit(self, document: Mapping[str, Any] | str, *, idempotency_key: str | None = None) -> Document:
        """Submit a study: a mapping, or the text of a YAML document. The same key with the same study gives the same study."""
        headers = {"idempotency-key": idempotency_key} if idempotency_key is not None else {}
        return self._post("/v1/studies", document, headers)

    def validate(self, document: Mapping[str, Any] | str) -> Document:
        """What a study would be. Stores nothing. Raises ``BadInput`` with all that is wrong with it."""
        return self._post("/v1/studies:validate", document, {})

    def studies(self) -> Iterator[Document]:
        """Every study, newest first."""
        return self._pages("/v1/studies", {"limit": 200})

    def study(self, study_id: str) -> Document:
        """One study as it stands."""
        return self._json("GET", _at(study_id))

    def pause(self, study_id: str) -> Document:
        """Start no further rollouts; those under way are finished."""
        return self._json("POST", f"{_at(study_id)}:pause")

    def resume(self, study_id: str) -> Document:
        """Go on with a paused study."""
        return self._json("POST", f"{_at(study_id)}:resume")

    def cancel(self, study_id: str) -> Document:
        """End a study; rollouts under way are dropped."""
        return self._json("POST", f"{_at(study_id)}:cancel")

    def delete(self, study_id: str) -> None:
        """Remove a study that has ended, with all of its rollouts."""
        self._send("DELETE", _at(study_id))

    # --- what happens in one ------------------------------------------------------------------------------------------------
    def trials(self, study_id: str, *, order: str = "number") -> Iterator[Document]:
        """Every trial, by ``number`` or by ``score`` (best observed mean first)."""
        return self._pages(f"{_at(study_id)}/trials", {"limit": 1000, "order": order})

    def rollouts(
        self,
        study_id: str,
        *,
        trial: int | None = None,
        task: str | None = None,
        split: str | None = None,
        state: str | None = None,
        label: str | None = None,
    ) -> Iterator[Document]:
        """Every rollout that fits all that is given, in the order in which they were finished. ``label`` is a failure class."""
        wanted = {"trial": trial, "task": task, "split": split, "state": state, "label": label}
        given = {name: value for name, value in wanted.items() if value is not None}
        return self._pages(f"{_at(study_id)}/rollouts", {"limit": 1000, **given})

    def rollout(self, rollout_id: str) -> Document:
        """One rollout with its transcript."""
        return self._json("GET", f"/v1/rollouts/{quote(rollout_id, safe='')}")

    def events(self, study_id: str, *, after: int = 0, patience_s: float = 60.0) -> Iterator[Document]:
        """Every event with a number above ``after``, once and in order, as they happen; ends when the study has ended.

        A connection that breaks is taken up after the last event. Raises ``ServiceError`` when the service cannot be reached
        for ``patience_s``.
        """
        delay_s, gives_up_at_s = _FIRST_DELAY_S, time.monotonic() + patience_s
        while True:
            try:
                for event in self._stream(study_id, after):
                    after = event["number"]
                    delay_s, gives_up_at_s = _FIRST_DELAY_S, time.monotonic() + patience_s
                    yield event
                # A service that is shut down ends its streams as politely as a study that has ended.
                if Phase(self.study(study_id)["phase"]).is_final and not self.events_after(study_id, after):
                    return
            except ServiceError as error:
                if time.monotonic() + delay_s > gives_up_at_s:
                    raise ServiceError(f"{error}; gave up after {patience_s:g} s") from error
            time.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def events_after(self, study_id: str, after: int = 0) -> list[Document]:
        """Some events with a number above ``after``, in order, as far as they have happened; none where there are none."""
        items: list[Document] = self._json("GET", f"{_at(study_id)}/events", params={"after": after})["items"]
        return items

    # --- what comes out -------------------------------------------------------------------------------------------------------
    def best(self, study_id: str, *, track: str | None = None) -> Document:
        """The best confirmed configuration of the headline, or of the ``track`` named, such as ``with-advantage``.

        Raises ``Conflict`` as long as nothing is confirmed, and ``NotFound`` where the track is not.
        """
        return self._json("GET", f"{_at(study_id)}/best", params={} if track is None else {"track": track})

    def export(self, study_id: str, *, format: str = "yaml", track: str | None = None) -> str:  # noqa: A002  # the API's own word
        """The same as the text of a file, in ``yaml`` or ``json``; ``unhobble replay`` reads it."""
        of_track = {} if track is None else {"track": track}
        return self._send("GET", f"{_at(study_id)}/export", params={"format": format, **of_track}).text

    def predict(self, study_id: str, configurations: Sequence[Mapping[str, Any]]) -> Document:
        """What success is believed of up to 100 configurations, tried or not, on the search tasks; see the API's ``PredictedOut``.

        Raises ``BadInput`` with all that is wrong with any of them, and ``Conflict`` as long as no rollout has a score.
        """
        listed = [dict(one) if isinstance(one, Mapping) else one for one in configurations]
        body = json.dumps({"configurations": listed}, default=str)  # what is no JSON is for the service to complain of
        return self._json("POST", f"{_at(study_id)}:predict", content=body, headers={"content-type": "application/json"})

    def catalog(self) -> Document:
        """Every plug-in by kind, with its summary and the JSON Schema of its parameters."""
        return self._json("GET", "/v1/catalog")

    # --- HTTP -----------------------------------------------------------------------------------------------------------------
    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **more)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        if response.is_success:
            return response
        raise _problem(response)

    def _json(self, method: str, path: str, **more: Any) -> Document:
        return _parsed(self._send(method, path, **more))

    def _post(self, path: str, document: Mapping[str, Any] | str, headers: dict[str, str]) -> Document:
        if isinstance(document, str):
            return self._json("POST", path, content=document.encode(), headers={"content-type": "application/yaml", **headers})
        return self._json("POST", path, json=dict(document), headers=headers)

    def _pages(self, path: str, params: dict[str, Any]) -> Iterator[Document]:
        cursor: dict[str, str] = {}
        while True:
            page = self._json("GET", path, params={**params, **cursor})
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            cursor = {"cursor": page["next_cursor"]}

    def _stream(self, study_id: str, after: int) -> Iterator[Document]:
        """The events of one connection."""
        headers = {"accept": "text/event-stream", "last-event-id": str(after)}
        timeout = httpx.Timeout(_TIMEOUT_S, read=_SILENCE_S)
        try:
            with self._http.stream("GET", f"{_at(study_id)}/events", headers=headers, timeout=timeout) as response:
                if not response.is_success:
                    response.read()
                    raise _problem(response)
                yield from _data(response.iter_lines())
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.HTTPError) -> ServiceError:
        return ServiceError(f"the service at {self.base_url} cannot be reached: {error or type(error).__name__}")


def _at(study_id: str) -> str:
    return f"/v1/studies/{quote(study_id, safe='')}"


def _parsed(response: httpx.Response) -> Document:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        kind = response.headers.get("content-type", "no content type")
        raise ServiceError(f"{response.url} does not answer like Unhobble ({response.status_code}, {kind}); is the address right?")
    return document


def _problem(response: httpx.Response) -> UnhobbleError:
    """The error that a problem document tells of."""
    if not response.headers.get("content-type", "").startswith(_PROBLEM):
        return ServiceError(f"{response.url} answered {response.status_code} {response.reason_phrase}; is it an Unhobble service?")
    document = _parsed(response)
    detail = str(document.get("detail", document.get("title", "")))
    if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        issues = [Issue(str(e["path"]), str(e["message"])) for e in document.get("errors", [])]
        return BadInput(issues or [Issue("", detail)])
    known: dict[int, type[UnhobbleError]] = {httpx.codes.NOT_FOUND: NotFound, httpx.codes.CONFLICT: Conflict}
    kind = known.get(response.status_code)
    return kind(detail) if kind else ServiceError(f"{response.url} answered {response.status_code}: {detail}")


def _data(lines: Iterator[str]) -> Iterator[Document]:
    """The JSON of each event of a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    An event that the end of the stream cuts off is dropped, as the specification says.
    """
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data = []
