"""A rollout whose sandbox dies is run again, in the same place of the study; one whose agent failed is not."""

import os
import signal
from dataclasses import replace

import pytest

from service.controller import Controller
from service.db import open_store
from service.paging import all_rollouts
from service.workers import inline_pools
from unhobble.records import RolloutFilter
from unhobble.registry import Registry, installed
from unhobble.spec import StudySpec
from unhobble.vocabulary import Phase, PluginKind, Split

pytestmark = pytest.mark.slow  # a whole study in real sandboxes

STUDY = {
    "model": {"id": "organism/compliant"},
    "suite": {"id": "builtin/shell", "tasks": ["log_count_503", "sql_inactive_customers"]},
    "space": "tool-formats",
    "budget": {"rollouts": 10},
    "search": {"strategy": "random", "concurrency": 2, "finalists": 1},
    "sandbox": {"backend": "bubblewrap"},
}


class Mortal:
    """A provider some of whose sandboxes are killed from outside as soon as they are open."""

    def __init__(self, provider, doomed) -> None:
        self._provider = provider
        self._doomed = doomed
        self.name = provider.name
        self.check, self.close = provider.check, provider.close

    async def open(self, spec, *, label, study=""):
        sandbox = await self._provider.open(spec, label=label, study=study)
        if self._doomed(label):
            os.kill(sandbox._parts.holder.pid, signal.SIGKILL)
        return sandbox


async def test_a_rollout_whose_sandbox_was_killed_is_run_again_in_its_place_and_counted_once(tmp_path):
    opened: list[str] = []

    def doomed(label: str) -> bool:
        """The first sandbox of every second rollout; the first rollout shows that the study can be run."""
        opened.append(label)
        return len(opened) > 1 and opened.count(label) == 1 and len(set(opened)) % 2 == 0

    plugin = installed().get(PluginKind.sandbox, "bubblewrap")
    registry = Registry()
    mortal = replace(plugin, build=lambda config: Mortal(plugin.build(config), doomed))
    registry._by_kind[PluginKind.sandbox] = {"bubblewrap": mortal}
    with open_store(f"sqlite:///{tmp_path / 'unhobble.db'}") as store:
        study = store.create_study(StudySpec.model_validate(STUDY)).id
        await Controller(store, registry, inline_pools(registry)).run_one(study)
        record = store.study(study)
        rollouts = list(all_rollouts(store, study, RolloutFilter()))
    killed = {label for label in opened if opened.count(label) > 1}
    assert (record.phase, record.reason) == (Phase.completed, "")
    assert len(rollouts) == record.progress.rollouts_finished <= STUDY["budget"]["rollouts"]
    # The search has all that was planned for it; of the rest the confirmation leaves what no pair can be made of.
    searched = sum(r.split is Split.search for r in rollouts)
    assert searched == record.search_ended.planned == record.search_ended.rollouts
    assert STUDY["budget"]["rollouts"] - len(rollouts) <= 2
    assert len({(r.trial, r.task, r.epoch, r.split) for r in rollouts}) == len(rollouts)
    assert all(r.score is not None for r in rollouts)
    assert {r.id for r in rollouts if r.retries} == killed
    assert len(killed) >= 3
    assert record.progress.rollouts_invalid == 0
