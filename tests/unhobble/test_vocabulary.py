from unhobble.vocabulary import PHASE_TRANSITIONS, FailureClass, FailureCode, Phase


def test_every_failure_code_has_a_class():
    assert {code.failure_class for code in FailureCode} == set(FailureClass)


def test_every_phase_can_be_reached_and_only_the_ends_are_final():
    reached = {Phase.queued}.union(*PHASE_TRANSITIONS.values())
    assert reached == set(Phase)
    assert {phase for phase in Phase if phase.is_final} == {Phase.completed, Phase.failed, Phase.cancelled}
