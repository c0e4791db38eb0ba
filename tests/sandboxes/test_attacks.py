"""Every attack is stopped, and what stops it is a control: without that the same attack succeeds."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

import sandboxes.bubblewrap
import sandboxes.docker
from sandboxes._attacks import ATTACKS, AttackResult, Proof, Unproved, Unsandboxed, Weakened, battery, run_battery
from sandboxes._attacks.attack import Attack
from sandboxes._attacks.inside.effects import Verdict
from sandboxes._attacks.scene import Scene
from sandboxes._controls import NONE, Control
from tests.sandboxes.unprotected import UnprotectedProvider
from unhobble.errors import SandboxError
from unhobble.protocols import SandboxProvider

BUILDERS: dict[str, Callable[[frozenset[Control]], SandboxProvider]] = {
    "docker": lambda without: sandboxes.docker.DockerProvider(sandboxes.docker.Config(spares=0), without=without),
    "bubblewrap": lambda without: sandboxes.bubblewrap.BubblewrapProvider(sandboxes.bubblewrap.Config(), without=without),
}
BY_NAME = {attack.name: attack for attack in ATTACKS}
AT_ONCE = 4

Results = dict[str, AttackResult]

real = pytest.mark.slow
each_attack = pytest.mark.parametrize("name", list(BY_NAME))


@pytest.fixture(scope="module", params=[pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def selected(request: pytest.FixtureRequest, backend: str, test: Callable[..., None]) -> list[str]:
    """The attacks that ``test`` will be asked about, so that who runs it for one waits for one."""
    calls = [item.callspec.params for item in request.session.items if getattr(item, "function", None) is test]
    return [call["name"] for call in calls if call["backend"] == backend]


@pytest.fixture(scope="module")
def held(request: pytest.FixtureRequest, backend: str) -> Results:
    return asyncio.run(tried(BUILDERS[backend](NONE), selected(request, backend, test_a_sandbox_holds), at_once=AT_ONCE))


@pytest.fixture(scope="module")
def proved(request: pytest.FixtureRequest, backend: str) -> Results:
    return asyncio.run(all_proved(backend, selected(request, backend, test_without_the_control_the_attack_succeeds)))


async def tried(provider: SandboxProvider, names: list[str], *, at_once: int = 1) -> Results:
    try:
        return {result.name: result for result in await run_battery(provider, only=names, at_once=at_once)}
    finally:
        await provider.close()


async def all_proved(backend: str, names: list[str]) -> Results:
    """Attacks that are proved in the same way share a provider; providers work at the same time."""
    groups: dict[Proof, list[str]] = {}
    for name in names:
        groups.setdefault(BY_NAME[name].proof(backend), []).append(name)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(proof: Proof, names: list[str]) -> Results:
        match proof:
            case Weakened(without):
                provider = BUILDERS[backend](without)
            case Unsandboxed(as_root):
                provider = UnprotectedProvider(agent_is_root=as_root)
            case Unproved():
                return {}
        async with room:
            return await tried(provider, names)

    merged: Results = {}
    for results in await asyncio.gather(*(one(*group) for group in groups.items())):
        merged |= results
    return merged


@real
@each_attack
def test_a_sandbox_holds(held: Results, name: str) -> None:
    assert held[name].held is True, held[name].evidence


@real
@each_attack
def test_without_the_control_the_attack_succeeds(proved: Results, backend: str, name: str) -> None:
    proof = BY_NAME[name].proof(backend)
    if isinstance(proof, Unproved):
        assert proof.why
    elif isinstance(proof, Unsandboxed) and os.geteuid() != 0:
        pytest.skip("only root can make the namespaces in which the attack does no harm")
    else:
        assert proved[name].held is False, f"{proof}: {proved[name].evidence}"


def test_there_are_many_attacks_each_with_a_name_and_a_sentence_of_its_own() -> None:
    assert len(ATTACKS) >= 40
    assert len({attack.name for attack in ATTACKS}) == len({attack.what for attack in ATTACKS}) == len(ATTACKS)


def test_every_control_holds_an_attack() -> None:
    assert {control for attack in ATTACKS for control in attack.held_by} == set(Control)


@pytest.mark.parametrize("backend", BUILDERS)
@pytest.mark.parametrize("control", Control)
def test_every_control_is_proved_by_an_attack_that_succeeds_without_it(control: Control, backend: str) -> None:
    proofs = [attack.proof(backend) for attack in ATTACKS if control in attack.held_by]
    assert any(isinstance(proof, Unsandboxed) or (isinstance(proof, Weakened) and control in proof.without) for proof in proofs)


@pytest.mark.parametrize("backend", BUILDERS)
def test_nearly_every_attack_is_proved_to_be_real(backend: str) -> None:
    assert sum(isinstance(attack.proof(backend), Unproved) for attack in ATTACKS) <= 2


class NoProvider(UnprotectedProvider):
    """Opens nothing."""

    async def open(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise SandboxError("no engine answers")


@pytest.fixture
def attacks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(*runs: Callable[[Scene], Awaitable[Verdict]]) -> None:
        made = [Attack(f"attack-{number}", f"does {number}", frozenset({Control.time}), run) for number, run in enumerate(runs)]
        monkeypatch.setattr(battery, "ATTACKS", tuple(made))

    return put


async def succeeds(_: Scene) -> Verdict:
    return Verdict(True, "it did")


async def test_an_attack_that_cannot_be_tried_is_never_said_to_be_held(attacks: Callable[..., None]) -> None:
    attacks(succeeds)
    provider = NoProvider()
    (result,) = await run_battery(provider)
    await provider.close()
    assert result.held is None
    assert "no engine answers" in result.evidence


async def test_an_attack_that_does_not_exist_is_named_with_those_that_do() -> None:
    provider = NoProvider()
    with pytest.raises(ValueError, match=r"no attack 'no-such'.*fork-bomb"):
        await run_battery(provider, only=["fork-bomb", "no-such"])
    await provider.close()


async def test_the_battery_leaves_the_workers_environment_as_it_was(attacks: Callable[..., None]) -> None:
    attacks(succeeds)
    before, provider, seen = dict(os.environ), NoProvider(), []
    await run_battery(provider, on_result=lambda _: seen.append(dict(os.environ)))
    await provider.close()
    assert any("canary" in value for value in seen[0].values())
    assert dict(os.environ) == before
