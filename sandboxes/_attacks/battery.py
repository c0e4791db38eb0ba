"""Runs the attacks against a backend, each in a fresh sandbox."""

import asyncio
import time
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack

from sandboxes._attacks import copying, kernel, output, resources, surroundings, survival
from sandboxes._attacks.attack import Attack, AttackResult
from sandboxes._attacks.decoys import Decoys, laid_out
from sandboxes._attacks.inside.effects import Verdict, held, untried
from sandboxes._attacks.scene import staged
from unhobble.errors import SandboxSpoiled
from unhobble.protocols import SandboxProvider

ATTACKS: tuple[Attack, ...] = (
    *resources.ATTACKS,
    *survival.ATTACKS,
    *output.ATTACKS,
    *copying.ATTACKS,
    *surroundings.ATTACKS,
    *kernel.ATTACKS,
)
"""Every attack, in the order in which they run."""

_ATTACK_S = 120.0


async def run_battery(
    provider: SandboxProvider,
    *,
    only: Collection[str] | None = None,
    on_result: Callable[[AttackResult], None] | None = None,
    at_once: int = 1,
) -> list[AttackResult]:
    """Try every attack, or those named in ``only``, on sandboxes of ``provider``, ``at_once`` of them at the same time.

    ``on_result`` sees each result as it comes. The machine is left as it was: decoys are laid out for the time of the battery and
    taken away after it. They are on this machine, so an engine that runs sandboxes on another one is to be tried there. Raises
    ``ValueError`` where ``only`` names no attack, ``OSError`` where no decoy can be laid out.
    """
    if unknown := sorted(set(only or ()) - {attack.name for attack in ATTACKS}):
        known = ", ".join(attack.name for attack in ATTACKS)
        raise ValueError(f"there is no attack {', '.join(map(repr, unknown))}; there are {known}")
    room = asyncio.Semaphore(at_once)
    async with laid_out() as decoys:

        async def tried(attack: Attack) -> AttackResult:
            async with room:
                result = await _result(attack, provider, decoys)
            if on_result:
                on_result(result)
            return result

        return await asyncio.gather(*(tried(attack) for attack in ATTACKS if only is None or attack.name in only))


async def _result(attack: Attack, provider: SandboxProvider, decoys: Decoys) -> AttackResult:
    started_s = time.monotonic()
    try:
        async with asyncio.timeout(_ATTACK_S), AsyncExitStack() as stack:
            verdict = await attack.run(await staged(stack, provider, attack.spec, decoys, attack.name))
    except SandboxSpoiled as error:
        verdict = held(f"it harmed only itself, which is scored: {error}")
    except TimeoutError:
        verdict = untried(f"it did not end within {_ATTACK_S:g} s")
    except Exception as error:  # whatever keeps an attack from being tried, it has not been held
        verdict = untried(f"{type(error).__name__}: {error}")
    return AttackResult(
        name=attack.name,
        what=attack.what,
        controls=tuple(sorted(attack.held_by)),
        held=_held(verdict),
        evidence=verdict.evidence,
        duration_s=time.monotonic() - started_s,
    )


def _held(verdict: Verdict) -> bool | None:
    return None if verdict.breached is None else not verdict.breached
