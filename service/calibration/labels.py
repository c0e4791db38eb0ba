"""Whether failure labels name the true causes.

The true cause of a failed rollout is found by playing it again with the same luck, the organism freed from one thing at a time
(``unhobble.models.organism.causes``); the labels come from the rules that see nothing but the transcript.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable

from service.calibration.figures import Labels
from service.calibration.played import PlayedStudy
from unhobble.models.organism.causes import Cause, CauseCode, Causes, Visibility, expected_codes
from unhobble.models.organism.truth import Simulator
from unhobble.records import RolloutRecord
from unhobble.vocabulary import FailureCode

LOOKED_AT = 10
"""Failed rollouts of a study whose cause is looked up. Each is played again a dozen times."""


def judge_labels(study: PlayedStudy, simulator: Simulator, *, most: int = LOOKED_AT) -> Labels:
    """Look up the causes of at most ``most`` failed rollouts of ``study``, drawn at random by its seed."""
    failed = [rollout for rollout in study.rollouts if rollout.label]
    seed = study.plan.spec.search.seed
    drawn = random.Random(f"labels-{seed}").sample(failed, min(most, len(failed)))
    tasks = {task.id: task for task in study.plan.chosen}
    causes, found = Causes(simulator), []
    for rollout in drawn:
        cause = causes.of_rollout(rollout.configuration, tasks[rollout.task], epoch=rollout.epoch, seed=seed)
        assert cause is not None  # it failed
        found.append((rollout, cause))
    return count_labels(len(failed), found)


def count_labels(failed: int, found: Iterable[tuple[RolloutRecord, Cause]]) -> Labels:
    """Count what agrees. Of several causes each of which alone explains a failure, a label may name any that can be seen."""
    counts: Counter[str] = Counter()
    by_cause: dict[str, Counter[str]] = defaultdict(Counter)
    for rollout, cause in found:
        assert rollout.label is not None
        counts["looked_at"] += 1
        by_cause[cause.first.value][rollout.label.code.value] += 1
        codes = _seen_of(cause)
        if cause.first is CauseCode.several:
            counts["mixed"] += 1
        elif not codes:
            counts["unseen"] += 1
        else:
            counts["code"] += rollout.label.code in codes
            counts["code_class"] += rollout.label.failure_class in {code.failure_class for code in codes}
    return Labels(
        failed=failed,
        looked_at=counts["looked_at"],
        mixed=counts["mixed"],
        unseen=counts["unseen"],
        code=counts["code"],
        code_class=counts["code_class"],
        by_cause={cause: dict(sorted(codes.items())) for cause, codes in sorted(by_cause.items())},
    )


def _seen_of(cause: Cause) -> set[FailureCode]:
    """The codes that fit those of the causes which can be seen."""
    expected = [expected_codes(code) for code in cause.all]
    return {code for one in expected if one.visibility is not Visibility.invisible for code in one.codes}
