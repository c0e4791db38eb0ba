"""Every seam of Unhobble, in one file. Whoever implements one of these fits in; nothing else is asked.

Rules for all: a method may raise only what its docstring names. Async objects belong to one event loop. Values that cross a seam
are frozen. Objects are built by their plug-in's ``build(config)`` (see ``unhobble.registry``) and hold no global state.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from unhobble.configuration import Configuration
from unhobble.limits import Limits
from unhobble.messages import (
    Estimate,
    FormatProblem,
    Message,
    ModelAnswer,
    ModelRequest,
    ParsedAnswer,
    ToolCall,
    ToolOutcome,
    ToolSpec,
)
from unhobble.records import (
    Event,
    Lease,
    NewRollout,
    Outcome,
    Outlook,
    Page,
    Recommendation,
    RolloutFilter,
    RolloutRecord,
    RolloutRequest,
    SearchEnded,
    StudyRecord,
    TrialRecord,
)
from unhobble.results import RolloutResult
from unhobble.sandboxing import Availability, ExecResult, SandboxFile, SandboxNeeds, SandboxSpec, User
from unhobble.spec import RolloutSpec, StudySpec
from unhobble.tracks import Track
from unhobble.transcript import Transcript, VerdictStep
from unhobble.vocabulary import OracleAccess, Phase, TrialState


# --- where commands run -----------------------------------------------------------------------------------------------
class Sandbox(Protocol):
    """One isolated machine for one rollout. Used by one task at a time.

    The agent can write only below ``/work``, ``/home/agent`` and ``/tmp``. Any method raises ``SandboxError`` when the sandbox
    itself is broken, which makes the rollout invalid and lets it be run again. What a command does wrong is in its
    ``ExecResult`` and is scored: it failed (``exited``), ran out of time (``timed_out``), was killed for memory
    (``out_of_memory``) or wrote too much (``output_exceeded``). Where the agent left the sandbox so that nothing more can be done
    in it, any method raises ``SandboxSpoiled``, which is scored as well. A command is never retried.
    """

    async def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        cwd: str = "/work",
        env: dict[str, str] | None = None,
        user: User = User.agent,
        timeout_s: float,
        output_bytes: int,
    ) -> ExecResult:
        """Run ``argv`` to its end; no process of it is left when this returns.

        ``env`` is added to ``sandboxing.SANDBOX_ENV``; nothing of the worker's environment is seen. Each output stream is kept up
        to ``output_bytes`` and marked as truncated beyond; a command that writes more than 16 times that to a stream is killed
        (``output_exceeded``). A command that cannot be started ends as in a shell, with 126 or 127.
        """
        ...

    async def write_files(self, files: Sequence[SandboxFile], *, user: User = User.agent) -> None:
        """Write ``files``, making their parents. What the keeper writes, the agent can read and run but not change."""
        ...

    async def read_file(self, path: str, *, max_bytes: int) -> bytes:
        """A regular file's content. Raises ``FileNotFoundError`` or ``ValueError`` (not regular, a link, too large)."""
        ...

    async def read_directory(self, path: str, *, max_bytes: int, max_files: int) -> list[SandboxFile]:
        """The regular files below a directory, by path; links, pipes and devices are left out and never followed or opened.

        A folder goes in with ``write_files``. Raises ``FileNotFoundError`` or ``ValueError`` (not a directory, more than
        ``max_bytes`` of content in all, more than ``max_files`` entries).
        """
        ...

    async def snapshot(self) -> str:
        """Keep a copy of all that the agent can write, out of its reach; returns a name for ``restore``."""
        ...

    async def restore(self, snapshot: str) -> None:
        """Put all that the agent can write back to what it was at ``snapshot``, which can be restored again."""
        ...

    async def stop_agent(self) -> None:
        """Kill every process of the agent. After this only the keeper runs commands."""
        ...

    async def close(self) -> None:
        """Kill everything and remove every trace. Idempotent; never raises."""
        ...


class SandboxProvider(Protocol):
    """A backend. One object a worker process; ``open`` may be called concurrently."""

    name: str

    async def check(self) -> Availability:
        """Whether the backend works on this machine. Never raises."""
        ...

    async def open(self, spec: SandboxSpec, *, label: str, study: str = "") -> Sandbox:
        """Start a sandbox. Raises ``SandboxError``.

        ``label`` names its rollout and ``study`` its study on whatever the backend leaves visible on the machine.
        """
        ...

    async def sweep(self) -> list[str]:
        """Remove what providers that live no more have left on this machine, and say what it was. Raises ``SandboxError``."""
        ...

    async def close(self) -> None:
        """Release what the provider holds."""
        ...


# --- who answers ------------------------------------------------------------------------------------------------------
class ModelClient(Protocol):
    """A way to one model. Safe for concurrent calls on one event loop."""

    model: str

    def estimate(self, request: ModelRequest) -> Estimate:
        """The most that ``request`` may use."""
        ...

    async def complete(self, request: ModelRequest, *, timeout_s: float) -> ModelAnswer:
        """Answer, own retries included, within ``timeout_s``. Raises ``ModelError`` (``AnswerLate``) or ``ContextOverflow``."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


# --- what is varied ---------------------------------------------------------------------------------------------------
class Prompt(Protocol):
    """The words."""

    def open(self, instruction: str, tools: Sequence[ToolSpec], tool_format: "ToolFormat") -> list[Message]:
        """The conversation's first messages: system prompt with the format's instructions, examples if any, the task."""
        ...


class ToolFormat(Protocol):
    """How tool calls are written and read. Pure: no I/O, no state.

    In a native format calls travel beside the text, through the provider's own interface. ``stop`` are the sequences at which the
    model shall end its answer.
    """

    native: bool
    stop: tuple[str, ...]

    def present(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        """The tools as they travel beside the messages; none where the format is not native."""
        ...

    def instructions(self, tools: Sequence[ToolSpec]) -> str:
        """How to call ``tools``, for the system prompt; empty for native formats. Does not depend on the format's parameters.

        Its first line is a heading that no other format has, and each tool's description stands in it word for word: by these a
        simulated model knows the format and the tools.
        """
        ...

    def parse(self, answer: ModelAnswer, tools: Sequence[ToolSpec]) -> ParsedAnswer:
        """Read the calls of an answer. Raises nothing, whatever the answer holds, and takes time linear in its length.

        What the answer reasons is no call: neither ``answer.reasoning`` nor a leading ``<think>...</think>`` of its content.
        """
        ...

    def write_call(self, call: ToolCall, thought: str = "") -> Message:
        """The assistant's message that makes ``call``; ``parse`` reads it back as the same call."""
        ...

    def write_outcome(self, call: ToolCall, outcome: ToolOutcome) -> Message:
        """The message that shows the agent what its call gave."""
        ...

    def write_problem(self, problem: FormatProblem) -> Message:
        """The message that tells the agent that its answer could not be read, as far as the format's ``feedback`` says."""
        ...


class Machine(Protocol):
    """What a tool can do: run commands as the agent, within the rollout's limits."""

    async def exec(self, argv: Sequence[str], *, stdin: bytes = b"", timeout_s: float | None = None) -> ExecResult:
        """Run ``argv`` in ``/work``. ``timeout_s`` can shorten the rollout's own limit for a command, and not lengthen it.

        Raises ``LimitReached``, ``SandboxError`` or ``SandboxSpoiled``. What the command does wrong is in its result.
        """
        ...


class Tool(Protocol):
    """Something that an agent can do in its sandbox."""

    spec: ToolSpec

    async def run(self, arguments: Mapping[str, Any], machine: Machine) -> ToolOutcome:
        """Carry out a call whose ``arguments`` fit the spec's schema. A failure is an outcome; ``machine``'s escapes pass."""
        ...


class ToolSet(Protocol):
    """The tools of an agent, beside ``submit``, which every agent has. Their names are distinct."""

    tools: tuple[Tool, ...]


class ContextView(Protocol):
    """What a context strategy may know and do beside looking at the messages. It stands for one question to the model."""

    @property
    def opening(self) -> int:
        """How many messages the conversation was opened with: all up to and including the one that sets the task.

        Examples in a prompt hold answers too, so that roles do not tell where the work begins.
        """
        ...

    def outputs(self, message: Message) -> tuple[str, ...]:
        """What tools gave that stands in ``message`` word for word, in order; none for what the prompt or the scaffold said."""
        ...

    async def ask(self, messages: Sequence[Message], *, purpose: str) -> str:
        """Put a question of its own to the model, without tools; it counts as a turn. Raises what ``RolloutContext.ask`` does."""
        ...

    async def read_file(self, path: str, *, max_bytes: int) -> str | None:
        """A text file of the agent, by its absolute path; None where there is none that can be read."""
        ...


class ContextStrategy(Protocol):
    """What of a conversation the model is shown. One object a rollout, which may keep what it worked out for it."""

    async def fit(self, messages: Sequence[Message], view: ContextView) -> Sequence[Message]:
        """``messages`` as the model shall see them, or ``messages`` itself where nothing is to be changed.

        The first system message and the task stay; roles alternate as they did; each native call is shown with its answer or not
        at all. Escapes of ``view`` are let through.
        """
        ...


class Scaffold(Protocol):
    """The agent's control loop. ``oracle_access`` says what it learns of a score, as it was built."""

    oracle_access: OracleAccess

    async def run(self, context: "RolloutContext") -> str | None:
        """Work on the task until a submission, which is returned, or None if the agent stops without one.

        Escapes of ``context`` (limits, infrastructure) are let through: they end the rollout.
        """
        ...


class RolloutContext(Protocol):
    """All that a scaffold can see and do. Everything done through it is recorded, metered and limited."""

    instruction: str
    tools: tuple[ToolSpec, ...]
    prompt: Prompt
    tool_format: ToolFormat
    limits: Limits
    seed: int

    @property
    def turns_left(self) -> int:
        """Questions to the model that the limit still allows."""
        ...

    async def ask(
        self, messages: Sequence[Message], *, purpose: str = "act", with_tools: bool = True, draw: int = 0
    ) -> ModelAnswer:
        """Ask the model. Raises ``LimitReached``, ``ContextOverflow`` or ``ModelError``.

        ``draw`` numbers independent attempts at the same thing: each is asked with another seed (``spec.draw_seed``).
        """
        ...

    async def call(self, call: ToolCall, *, repairs: int = 0) -> ToolOutcome:
        """Carry out a tool call. A failed command is an outcome. Raises ``LimitReached`` or ``SandboxError``.

        ``repairs`` is how much had to be mended to read the answer that it stands in; told with the answer's first call.
        """
        ...

    def problem(self, problem: FormatProblem) -> None:
        """Record that an answer could not be read."""
        ...

    def note(self, text: str) -> None:
        """Record anything else worth reading."""
        ...

    async def snapshot(self) -> str:
        """Keep a copy of the agent's files."""
        ...

    async def restore(self, snapshot: str) -> None:
        """Put the agent's files back."""
        ...

    async def files_digest(self) -> str:
        """A hash of the contents of all files in ``/work``: equal for equal files. Raises ``SandboxError``."""
        ...

    async def visible_score(self) -> float | None:
        """What the task's visible scorer gives for the files as they are, in [0, 1]; None where the task has none.

        Only a scaffold whose ``oracle_access`` is not ``none`` may ask. It is not the score that counts.
        """
        ...


# --- what is solved, and how it is judged -------------------------------------------------------------------------------
class Scorer(Protocol):
    """Judges what the agent left. Runs after every process of the agent is gone; only now do hidden tests enter the sandbox."""

    async def score(self, sandbox: Sandbox, submission: str | None) -> VerdictStep:
        """The verdict. Raises ``TaskError`` when the tests give none, ``SandboxError`` when they cannot be run."""
        ...


class VisibleScorer(Protocol):
    """A score that the task gives away while the agent works: public examples, a metric on data that the agent has."""

    async def score(self, machine: Machine) -> float:
        """The score in [0, 1] of the files as they are; what gives none is 0. ``machine``'s escapes pass."""
        ...


class Task(Protocol):
    """One problem. ``hints`` are what an evaluator may tell beyond the instruction, as a declared advantage.

    The reference solution is ``reference_steps`` (bash commands, in order; a question has none) and ``reference_submission``,
    what is handed in after them.
    """

    id: str
    family: str
    human_minutes: float
    instruction: str
    hints: tuple[str, ...]
    reference_steps: tuple[str, ...]
    reference_submission: str
    needs: SandboxNeeds
    scorer: Scorer
    visible: VisibleScorer | None

    async def set_up(self, sandbox: Sandbox) -> None:
        """Put the task's files into the sandbox. Raises ``TaskError`` or ``SandboxError``."""
        ...


class TaskSuite(Protocol):
    """A set of tasks. ``human_minutes_note`` says where their human minutes come from, and is shown beside them."""

    id: str
    version: str
    human_minutes_note: str
    tasks: tuple[Task, ...]

    @property
    def digest(self) -> str:
        """Changes whenever any of the tasks does."""
        ...


# --- the search ---------------------------------------------------------------------------------------------------------
class SearchStrategy(Protocol):
    """Decides what to run next. Synchronous, without I/O and without a clock, so that it can be benchmarked against a table.

    The same seed and the same order of calls give the same proposals. It may learn from all rollouts together, but ranks only
    configurations of one track (``SearchProblem.track_of``). Not thread-safe.
    """

    @property
    def forecasts(self) -> bool:
        """Whether ``outlook`` can ever give anything but None: only such a strategy can end by ``search.stop``."""
        ...

    def propose(self, n: int) -> list[RolloutRequest]:
        """Up to ``n`` further rollouts; an empty list when nothing can be gained until more outcomes are recorded, or at all."""
        ...

    def adopt(self, trial: int, configuration: Configuration) -> None:
        """Take over a trial that an earlier process proposed, before its outcomes are replayed through ``record``."""
        ...

    def record(self, outcome: Outcome) -> None:
        """Learn an outcome, proposed in this process or replayed from an earlier one. Each rollout is recorded once."""
        ...

    def abandon(self, request: RolloutRequest) -> None:
        """Forget a proposal that will have no score."""
        ...

    def trial_state(self, trial: int) -> TrialState:
        """Where a trial stands."""
        ...

    def recommend(self, n: int = 1, track: Track | None = None) -> list[Recommendation]:
        """The ``n`` best configurations of a track by posterior mean, best first; fewer if fewer have outcomes.

        Without a ``track`` it is the baseline's. The probability of being best is that among the track's configurations.
        """
        ...

    def outlook(self, track: Track | None = None) -> Outlook | None:
        """What is believed of all configurations of a track, by default the baseline's; None where nothing is, or not yet.

        It may take a second of computing.
        """
        ...


class RolloutPool(Protocol):
    """Runs rollouts somewhere else, concurrently. Owned by one event loop."""

    async def submit(self, spec: RolloutSpec) -> None:
        """Hand a rollout over."""
        ...

    async def next_result(self, timeout_s: float) -> RolloutResult | None:
        """The next finished rollout, or None after ``timeout_s``. A dead worker's rollout comes back invalid, not lost."""
        ...

    async def close(self) -> None:
        """Stop all work and release the workers."""
        ...


# --- the truth ----------------------------------------------------------------------------------------------------------
class StudyStore(Protocol):
    """All that is kept. Thread-safe; every method is one transaction. Writes under a lease raise ``LeaseLost`` when it is gone.

    A lease is gone when it was given back, when another owner took it after it ran out, or when its study was deleted; one that
    ran out and that nobody took is still good. Cursors are opaque strings from the page before; one that the listing did not
    give raises ``BadInput``. A walk along the cursors shows all that was there at its start exactly once. What is asked of a
    study that does not exist raises ``NotFound``. Times are seconds since the Unix epoch, UTC.
    """

    def create_study(self, spec: StudySpec, *, idempotency_key: str | None = None) -> StudyRecord:
        """Store a study and its first event. The same key and spec give the same study; another raises ``BadInput``."""
        ...

    def study(self, study_id: str) -> StudyRecord:
        """One study. Raises ``NotFound``."""
        ...

    def studies(self, *, limit: int = 50, cursor: str | None = None) -> Page[StudyRecord]:
        """Studies, newest first."""
        ...

    def delete_study(self, study_id: str) -> None:
        """Remove a study that is final, with all that belongs to it. Raises ``NotFound`` or ``Conflict``."""
        ...

    def transition(self, study_id: str, to: Phase, *, reason: str = "", lease: Lease | None = None) -> StudyRecord:
        """Move a study to ``to`` by compare-and-swap. Raises ``Conflict`` where ``PHASE_TRANSITIONS`` does not allow it.

        Anybody may do so, and a living owner learns of it by ``renew``; with ``lease``, only its owner.
        """
        ...

    def end_search(self, lease: Lease, ended: SearchEnded) -> StudyRecord:
        """Store why a search ended, with its event, and move the study to confirming. Raises ``Conflict`` as ``transition``."""
        ...

    def acquire(self, owner: str, *, ttl_s: float, study_id: str | None = None) -> Lease | None:
        """Take the lease of the oldest study (or of ``study_id``) that has work to do and no living owner; None if none has.

        Work to do means queued, searching or confirming. Rollouts that the owner before left unfinished are forgotten and their
        reservations given back; their trials stay.
        """
        ...

    def renew(self, lease: Lease, *, ttl_s: float) -> Phase:
        """Prolong a lease and return the study's phase. Raises ``LeaseLost``."""
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back, and all that is still reserved. Never raises."""
        ...

    def reserve(self, lease: Lease, rollouts: Sequence[NewRollout]) -> list[str]:
        """Reserve budget for as many of ``rollouts``, in order, as fit under the ceilings; returns the ids that are reserved.

        None is reserved unless the study is searching or confirming. The first that does not fit ends it. A rollout that is
        finished is skipped; one that is reserved already is returned and not booked again. A trial that is new is stored.
        Raises ``Conflict`` where a trial's number or candidate is another trial's.
        """
        ...

    def commit(self, lease: Lease, result: RolloutResult) -> bool:
        """Store a result, settle its reservation and write its event, once. False if the rollout was finished already.

        Accepted in every phase, so that what was under way at a pause is not lost. Raises ``NotFound`` for a rollout that is
        not reserved.
        """
        ...

    def record_retry(self, lease: Lease, result: RolloutResult) -> bool:
        """Book the spend of an invalid attempt that will be repeated; its reservation stays, for the next attempt.

        False, with nothing booked, where that would pass a ceiling or the rollout is finished: ``commit`` the result instead.
        Raises ``NotFound`` for a rollout that is not reserved.
        """
        ...

    def set_trial_state(self, lease: Lease, trial: int, state: TrialState) -> None:
        """Store where a trial stands. Raises ``NotFound``."""
        ...

    def save_report(self, lease: Lease, report: dict[str, object]) -> None:
        """Store the study's findings so far; the last one stands."""
        ...

    def trials(self, study_id: str, *, limit: int = 100, cursor: str | None = None, order: str = "number") -> Page[TrialRecord]:
        """Trials, by ``number`` or by ``score`` (best observed mean first)."""
        ...

    def rollouts(
        self, study_id: str, where: RolloutFilter | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> Page[RolloutRecord]:
        """Rollouts in the order in which they were finished; reserved ones last."""
        ...

    def rollout(self, rollout_id: str) -> RolloutRecord:
        """One rollout. Raises ``NotFound``."""
        ...

    def transcript(self, rollout_id: str) -> Transcript:
        """The transcript of a finished rollout. Raises ``NotFound``."""
        ...

    def events(self, study_id: str, *, after: int = 0, limit: int = 500) -> list[Event]:
        """Events with a number above ``after``, in order."""
        ...
