"""The use-cases: what a person can do with studies. Knows neither HTTP nor the terminal."""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from sandboxes import choose
from service.exports import BestConfiguration, compared_in, export_best
from service.paging import all_trials
from service.plan import StudyPlan, plan_study, room_issues
from service.predicting import Forecasts, Predicted, predict
from service.search.warm_start import warm_start_issues
from service.workers.room import Size
from unhobble.analysis.report import Arm, ConfirmationPlan, Findings
from unhobble.candidates import Candidate, candidate_of
from unhobble.errors import BadInput, Conflict, Issue, NotFound
from unhobble.messages import Frozen
from unhobble.protocols import StudyStore
from unhobble.records import StudyRecord
from unhobble.registry import Registry, validation_issues
from unhobble.spec import StudySpec
from unhobble.vocabulary import Phase, PluginKind, Split


class Validation(Frozen):
    """What a study would be: the answer of a dry run."""

    space_size: int | None = Field(description="Distinct configurations; null where a dimension is continuous.")
    search_tasks: tuple[str, ...]
    held_out_tasks: tuple[str, ...]
    search_rollouts: int
    confirm_rollouts: int
    confirmation: ConfirmationPlan = Field(description="What is planned before anything is known; planned anew after the search.")
    confirmation_tells: str = Field(description="The gain over the baseline that the confirmation can tell from none, in words.")
    warnings: tuple[str, ...] = Field(description="What the study could be run with, but would better not be.")
    sandbox: str
    sandbox_why: str
    sandbox_not_enforced: tuple[str, ...]
    sandboxes_at_once: int | None = Field(
        description="Sandboxes for which the machine has room, by what the study sets aside for one; null where that is not known."
    )
    simulated: bool


@dataclass(frozen=True)
class Studies:
    """Use-cases over a store. Thread-safe as far as the store is.

    ``room`` is what the one machine that runs rollouts has; None where it is not known, or there are several.
    """

    store: StudyStore
    registry: Registry
    room: Size | None = None
    forecasts: Forecasts = field(default_factory=Forecasts, repr=False, compare=False)

    async def validate(self, document: Any) -> tuple[StudySpec, Validation]:
        """Check a study's document and say what it would be. Raises ``BadInput`` with every issue; stores and spends nothing."""
        spec, issues = parse_leniently(document)
        plan: StudyPlan | None = None
        try:
            plan = plan_study(spec, self.registry)
        except BadInput as error:
            issues += error.issues
        tasks = plan.chosen if plan else ()
        try:
            sandbox = await choose(spec.sandbox, self.registry, tasks)
        except BadInput as error:
            issues += error.issues
        issues += warm_start_issues(self.store, spec)
        if self.room is not None:
            issues += room_issues(spec.sandbox, tasks, self.room)
        if issues or plan is None:
            raise BadInput(issues)
        return spec, Validation(
            space_size=plan.space.size(),
            search_tasks=tuple(task.id for task in plan.tasks(Split.search)),
            held_out_tasks=tuple(task.id for task in plan.tasks(Split.held_out)),
            search_rollouts=plan.search_rollouts,
            confirm_rollouts=plan.confirm_rollouts,
            confirmation=plan.confirmation,
            confirmation_tells=plan.confirmation.words,
            warnings=(plan.confirmation.warning,) if plan.confirmation.warning else (),
            sandbox=sandbox.backend,
            sandbox_why=sandbox.why,
            sandbox_not_enforced=sandbox.not_enforced,
            sandboxes_at_once=None if self.room is None else Size(*spec.sandbox.request).times_in(self.room),
            simulated=spec.model.is_organism,
        )

    async def submit(self, document: Any, *, idempotency_key: str | None = None) -> StudyRecord:
        """Check and store a study. Raises ``BadInput``, also where the key was used for another study."""
        spec, _ = await self.validate(document)
        return self.store.create_study(spec, idempotency_key=idempotency_key)

    def pause(self, study_id: str) -> StudyRecord:
        """Start no further rollouts; those under way are finished. Raises ``NotFound`` or ``Conflict``."""
        return self.store.transition(study_id, Phase.paused, reason="paused by a user")

    def resume(self, study_id: str) -> StudyRecord:
        """Go on with a paused study. Raises ``NotFound`` or ``Conflict``."""
        return self.store.transition(study_id, Phase.queued, reason="resumed by a user")

    def cancel(self, study_id: str) -> StudyRecord:
        """End a study; rollouts under way are dropped. Raises ``NotFound`` or ``Conflict``."""
        return self.store.transition(study_id, Phase.cancelled, reason="cancelled by a user")

    def best(self, study_id: str, track: str | None = None) -> BestConfiguration:
        """The best confirmed configuration, as a file that reproduces its figure. Raises ``NotFound`` or ``Conflict``.

        That of the headline, or of the ``track`` named (see ``exports.compared_in``).
        """
        record = self.store.study(study_id)
        found = findings_of(record)
        if found is None or found.confirmed is None:
            raise Conflict(f"study {study_id} is {record.phase.value}: nothing is confirmed on the held-out split yet")
        tried = self._tried(study_id, compared_in(found.confirmed, track).best)
        return export_best(record, found, found.confirmed, tried, track)

    def predict(self, study_id: str, document: Any) -> Predicted:
        """What is believed of any configurations of a study's space. Blocks, and raises, as ``predicting.predict``."""
        return predict(self.store, self.registry, self.forecasts, study_id, document)

    def _tried(self, study_id: str, arm: Arm) -> Candidate:
        """What an arm was when it was tried; its plug-ins are known as long as they have not changed since."""
        candidates = {trial.number: trial.candidate for trial in all_trials(self.store, study_id)}
        tried = candidates.get(arm.trial, arm.configuration.hash)  # the hash: nothing is known of the words it had
        try:
            today = candidate_of(arm.configuration, self.registry)
        except NotFound:
            return Candidate(digest=tried, plugins={})
        return today if today.digest == tried else Candidate(digest=tried, plugins={})

    def catalog(self) -> dict[str, list[dict[str, Any]]]:
        """Every plug-in by kind, with what it says of itself and the JSON Schema of its parameters."""
        return {
            kind.value: [
                {"id": p.id, "summary": p.summary, "schema": p.config.model_json_schema()} for p in self.registry.all(kind)
            ]
            for kind in PluginKind
        }


# What a spec needs at the least, and what says nothing wrong of its own: only for checking the rest of a document that is wrong.
_STAND_INS: dict[str, dict[str, Any]] = {
    "model": {"id": "organism/compliant"},
    "suite": {"id": "builtin/shell"},
    "budget": {"rollouts": 1_000_000},
}


def parse_leniently(document: Any) -> tuple[StudySpec, list[Issue]]:
    """A spec and what is wrong with its document: what is wrong is left out, so that the rest can be checked in the same pass.

    Where too little is left to make a spec of, ``BadInput`` is raised with what was found so far.
    """
    try:
        return StudySpec.model_validate(document), []
    except ValidationError as error:
        issues = validation_issues(error)
        if not isinstance(document, dict):
            raise BadInput(issues) from None
        rest = json.loads(json.dumps(document, default=str))
        for found in error.errors():
            _leave_out(rest, found["loc"])
        for section, needed in _STAND_INS.items():
            rest[section] = needed | (rest[section] if isinstance(rest.get(section), dict) else {})
        try:
            return StudySpec.model_validate(rest), issues
        except ValidationError:
            raise BadInput(issues) from None


def _leave_out(document: Any, path: tuple[int | str, ...]) -> None:
    """Remove what stands at ``path``, as far as the path leads."""
    for key in path[:-1]:
        if not isinstance(document, dict) or key not in document:
            return
        document = document[key]
    if isinstance(document, dict):
        document.pop(path[-1], None)


def findings_of(record: StudyRecord) -> Findings | None:
    """The findings stored with a study; None before the first were."""
    return Findings.model_validate(record.report) if record.report else None
