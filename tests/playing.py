"""Lets a search strategy play against a function instead of real rollouts."""

from dataclasses import dataclass

from search_spaces.space import Space
from service.search.problem import SearchProblem
from unhobble.configuration import Configuration
from unhobble.errors import BadInput
from unhobble.protocols import SearchStrategy
from unhobble.records import Outcome, RolloutRequest, TaskInfo
from unhobble.registry import installed
from unhobble.vocabulary import PluginKind

TASKS = tuple(TaskInfo(id=f"task{i}", family=f"f{i % 3}", human_minutes=2.0**i) for i in range(10))


def problem(space: str = "default", *, rollouts: int = 200, seed: int = 0) -> SearchProblem:
    loaded = Space.load(space, installed())
    return SearchProblem(space=loaded, tasks=TASKS, baseline=loaded.baseline, seed=seed, rollouts=rollouts)


def build(name: str, at: SearchProblem, **options) -> SearchStrategy:
    return installed().build(PluginKind.strategy, name, options, at)


def can_be_built(name: str) -> bool:
    """Whether what a strategy is computed with is installed."""
    try:
        build(name, problem())
    except BadInput as error:
        assert "is not installed here" in str(error)  # noqa: PT017  # nothing else may keep a strategy from its tests
        return False
    return True


def outcome(request: RolloutRequest, score: float | None) -> Outcome:
    return Outcome(**dict(request), score=score)


@dataclass
class Play:
    """Everything that a strategy asked for and was told."""

    requests: list[RolloutRequest]
    outcomes: list[Outcome]


def play(strategy: SearchStrategy, success, *, at_once: int = 4, most: int = 10_000) -> Play:
    """Let a strategy search with ``at_once`` rollouts in flight; ``success(configuration, task, epoch)`` gives the score."""
    flying: list[RolloutRequest] = []
    done = Play([], [])
    while len(done.outcomes) < most:
        flying += strategy.propose(at_once - len(flying))
        if not flying:
            break
        request = flying.pop(0)
        done.requests.append(request)
        told = outcome(request, success(request.configuration, request.task, request.epoch))
        done.outcomes.append(told)
        strategy.record(told)
    return done


def is_xml(configuration: Configuration, task: str = "", epoch: int = 0) -> float:
    del task, epoch
    return float(configuration.root["tool_format"] == "xml_tags")


EVERYDAY = (
    "algo_build_order",
    "algo_cell_references",
    "algo_cron_next",
    "algo_longest_match",
    "data_invoice_totals",
    "data_meter_billing",
    "data_profile_events",
    "data_supplier_prices",
    "enc_bill_of_contents",
    "enc_broken_backup_set",
    "enc_garbled_members",
    "enc_inbox_to_utf8",
    "git_after_power_cut",
    "git_deleted_branch",
    "git_fault_came_back",
    "git_purge_token",
    "log_count_503",
    "log_dns_exfiltration",
    "log_double_charges",
    "log_ssh_break_in",
    "py_backup_retention",
    "py_journal_store",
    "py_spreadsheet_engine",
    "py_tariff_closures",
    "sql_contacts_migration",
    "sql_fifo_inventory",
    "sql_inactive_customers",
    "sql_room_occupancy",
    "text_bank_printout",
    "text_effective_settings",
    "text_night_of_two_hours",
    "text_weave_templates",
)
"""32 tasks of ``builtin/shell``, four of each of eight families: enough for a study that is short, whatever the suite grows to."""
