"""Figures of made-up studies."""

from service.calibration.figures import Bounds, Calibration, Labels, OrganismFigures, Reported, StudyFigures, Value

NO_LABELS = Labels(failed=0, looked_at=0, mixed=0, unseen=0, code=0, code_class=0, by_cause={})


def study(seed: int = 0, *, true: float = 0.8, reported: tuple[float, float, float] = (0.8, 0.6, 1.0), **changes) -> StudyFigures:
    mean, low, high = reported
    values = {
        "seed": seed,
        "recommended": {"prompt": "plain", "tool_format": "native", "scaffold": "react"},
        "trial": 3,
        "reported": Reported(mean=mean, low=low, high=high),
        "bounds": Bounds(lower=low, upper=None),
        "gain_is_clear": True,
        "true_value": Value(mean=true, error=0.01),
        "true_held_out": Value(mean=true, error=0.01),
        "search_best": 0.9,
        "search_best_true": Value(mean=0.8, error=0.01),
        "labels": NO_LABELS,
        "configurations": 10,
        "rollouts": 400,
        "tokens": 1000,
        "usd": 0.5,
        "cpu_s": 1.0,
    }
    return StudyFigures(**{**values, **changes})


def organism(name: str, *studies: StudyFigures, baseline: float = 0.2, best: float = 1.0) -> OrganismFigures:
    return OrganismFigures(
        name=name,
        fingerprint="fp_0",
        summary="made up",
        baseline=Value(mean=baseline, error=0.01),
        best=Value(mean=best, error=0.01),
        best_configuration={"prompt": "plain", "tool_format": "native", "scaffold": "react"},
        truth_cpu_s=1.0,
        studies=studies,
    )


def calibration(*organisms: OrganismFigures, **changes) -> Calibration:
    values = {
        "unhobble": "0.1.0",
        "strategy": "tpe",
        "options": {},
        "space": "default",
        "space_digest": "0" * 16,
        "suite": "builtin/shell",
        "suite_version": "1",
        "suite_digest": "1" * 16,
        "tasks": 64,
        "held_out": 26,
        "rehearsed": True,
        "rollouts": 400,
        "level": 0.9,
        "seeds": tuple(s.seed for s in organisms[0].studies),
        "organisms": organisms,
    }
    return Calibration(**{**values, **changes})
