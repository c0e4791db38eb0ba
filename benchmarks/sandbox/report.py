"""What was measured, as tables and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.sandbox.arms import INSPECT_DOCKER, INSPECT_LOCAL, UNHOBBLE_BUBBLEWRAP, UNHOBBLE_DOCKER
from benchmarks.sandbox.figures import Cost, Spread, Target, percentile, spread
from benchmarks.sandbox.probes import AS_AN_AGENT

DOCKER_SHARE = 1 / 6
LATENCY_S = {1: 0.010, 32: 0.060}
GROWTH_BYTES = 64 * 2**20
_MIB = 2**20


@dataclass(frozen=True)
class Measurements:
    """All figures. Costs by arm, one a repetition; latency by backend, number of sandboxes and command; the rest by backend."""

    about: Mapping[str, Any]
    costs: Mapping[str, Sequence[Cost]]
    latency: Mapping[str, Mapping[int, Mapping[str, Mapping[str, Any]]]]
    memory: Mapping[str, Mapping[str, int]]
    opening: Mapping[str, Mapping[str, Sequence[float]]]

    def ratio(self, ours: str, theirs: str) -> Spread:
        """Our cost of a rollout, client and engine, as a share of theirs, repetition by repetition."""
        pairs = zip(self.costs[ours], self.costs[theirs], strict=True)
        return spread([our.framework_s / their.framework_s for our, their in pairs])

    def _ratios(self) -> tuple[Spread, Spread]:
        return (
            self.ratio(UNHOBBLE_DOCKER.name, INSPECT_DOCKER.name),
            self.ratio(UNHOBBLE_BUBBLEWRAP.name, INSPECT_LOCAL.name),
        )

    @property
    def targets(self) -> list[Target]:
        """What must hold."""
        docker, local = self._ratios()
        found = [
            Target("a rollout in Docker, as a share of Inspect AI's", docker.middle, DOCKER_SHARE, ""),
            Target("a rollout in bubblewrap, as a share of Inspect AI's without isolation", local.middle, 1.0, ""),
        ]
        for sandboxes, limit_s in LATENCY_S.items():
            p50_ms = percentile(self.latency["docker"][sandboxes][AS_AN_AGENT]["seconds"], 50) * 1000
            found.append(Target(f"a command in Docker, p50, {sandboxes} at once", p50_ms, limit_s * 1000, "ms"))
        for backend, growth in self.memory.items():
            found.append(
                Target(f"resident memory while 1 GB is written, {backend}", max(growth.values()) / _MIB, GROWTH_BYTES / _MIB, "MiB")
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Every value that was measured."""
        return {
            "about": dict(self.about),
            "costs_of_one_rollout_s": {name: [asdict(cost) for cost in costs] for name, costs in self.costs.items()},
            "latency": {backend: dict(by_number) for backend, by_number in self.latency.items()},
            "memory_growth_bytes": dict(self.memory),
            "opening_s": dict(self.opening),
            "targets": [asdict(target) | {"met": target.met} for target in self.targets],
        }

    def as_markdown(self) -> str:
        """The tables, as they stand in docs/sandboxes.md."""
        about = "; ".join(f"{name} {value}" for name, value in self.about.items())
        parts = [f"Measured by `make bench-sandbox`: {about}.", self._costs(), self._latency(), self._others(), self._targets()]
        return "\n\n".join(parts)

    def _costs(self) -> str:
        heads = ["a rollout", "client", "engine", "**client + engine**", "containers", "seconds on the clock"]
        rows = []
        for name, costs in self.costs.items():
            columns = zip(*((c.client_s, c.daemon_s, c.framework_s, c.containers_s, c.wall_s) for c in costs), strict=True)
            client, daemon, framework, containers, wall = (spread(column) for column in columns)
            engine = (
                [f"{daemon:.3f}", f"**{framework:.3f}**", f"{containers:.3f}"]
                if daemon.high
                else ["—", f"**{framework:.3f}**", "—"]
            )
            rows.append([name, f"{client:.3f}", *engine, f"{wall:.2f}"])
        docker, local = self._ratios()
        note = (
            f"CPU seconds: median (least-greatest). Unhobble in Docker costs {docker:.3f} of Inspect AI in Docker; in bubblewrap "
            f"{local:.2f} of Inspect AI without isolation. Where there are no containers, the commands' own work is in the "
            "client's figure."
        )
        return f"{_table(heads, rows)}\n\n{note}"

    def _latency(self) -> str:
        heads = ["in a warm sandbox", "command", "sandboxes at once", "p50", "p95", "commands/s"]
        rows = [
            [
                backend,
                f"`{command}`",
                str(sandboxes),
                *(f"{percentile(found['seconds'], p) * 1000:.1f} ms" for p in (50, 95)),
                f"{found['commands_per_s']:.0f}",
            ]
            for backend, by_number in self.latency.items()
            for sandboxes, by_command in by_number.items()
            for command, found in by_command.items()
        ]
        return _table(heads, rows)

    def _others(self) -> str:
        opening = [
            [name, *(f"{spread([value * 1000 for value in found[part]]):.0f} ms" for part in ("open_s", "close_s"))]
            for name, found in self.opening.items()
        ]
        memory = [
            [backend, *(f"{growth[part] / _MIB:.1f} MiB" for part in ("one_command", "many_commands"))]
            for backend, growth in self.memory.items()
        ]
        return "\n\n".join(
            [
                _table(["a sandbox", "open", "close"], opening),
                _table(
                    ["the worker's memory grows by", "one command that would write 1 GB", "1 GB in commands below the cap"], memory
                ),
            ]
        )

    def _targets(self) -> str:
        rows = [
            [
                target.claim,
                f"{target.measured:.3g} {target.unit}".strip(),
                f"{target.limit:.3g} {target.unit}".strip(),
                "met" if target.met else "**MISSED**",
            ]
            for target in self.targets
        ]
        return _table(["target", "measured", "at most", ""], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
