"""The pruner of ``tpe_wilcoxon`` is Optuna's, only faster."""

import random
import warnings

import optuna
import pytest
from scipy import stats

from service.search.wilcoxon import PairedPruner, probability_of_less


@pytest.mark.parametrize("seed", range(12))
def test_the_p_value_is_scipys_whatever_ties_there_are(seed):
    rng = random.Random(seed)
    values = ([-1.0, 0.0, 1.0], [-1.0, -0.5, 0.0, 0.25, 1.0])[seed % 2]
    differences = tuple(rng.choice(values) for _ in range(2 + seed % 6 if seed < 10 else 30))
    expected = stats.wilcoxon(differences, alternative="less", zero_method="zsplit").pvalue
    assert probability_of_less(differences) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(20))
def test_it_decides_as_optunas_pruner_does(seed):
    rng = random.Random(seed)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    for chance in (0.4, 0.8, 0.8):
        trial = study.ask()
        scores = [float(rng.random() < chance) for _ in range(8)]
        for step, score in enumerate(scores):
            trial.report(score, step)
        study.tell(trial, sum(scores) / len(scores))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        theirs = optuna.pruners.WilcoxonPruner(p_threshold=0.1)
    ours, trial, decided = PairedPruner(0.1, 2), study.ask(), []
    for step in rng.sample(range(8), 8):
        trial.report(float(rng.random() < 0.2), step)
        frozen = study.get_trials()[trial.number]
        decided.append(ours.prune(study, frozen))
        assert decided[-1] == theirs.prune(study, frozen)
    assert seed or any(decided)


def test_a_trial_is_not_pruned_for_what_another_track_can_do():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    able, plain, other = study.ask(), study.ask(), study.ask()
    for trial, track, score in ((able, "with-advantage", 1.0), (plain, "without-advantage", 0.0), (other, "with-advantage", 0.0)):
        trial.set_user_attr("track", track)
        for step in range(8):
            trial.report(score, step)
    study.tell(able, 1.0)
    frozen = study.get_trials()
    assert [PairedPruner(0.1, 2).prune(study, frozen[trial.number]) for trial in (plain, other)] == [False, True]
