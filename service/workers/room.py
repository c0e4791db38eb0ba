"""Who may start where: sets cores and memory of nodes aside for sandboxes. Pure: it knows no clock, no event loop and no Ray."""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_ROUNDING = 1e-9
"""Cores are fractions: what is given back may differ from what was taken by this much."""


@dataclass(frozen=True)
class Size:
    """Processor cores and bytes of memory: of a node, or set aside for one sandbox."""

    cores: float
    memory_bytes: int

    def __add__(self, other: "Size") -> "Size":
        return Size(self.cores + other.cores, self.memory_bytes + other.memory_bytes)

    def __sub__(self, other: "Size") -> "Size":
        return Size(self.cores - other.cores, self.memory_bytes - other.memory_bytes)

    def __str__(self) -> str:
        return f"{self.cores:g} cores and {self.memory_bytes / 2**30:.2f} GiB"

    def fits(self, room: "Size") -> bool:
        """Whether this much can be taken from ``room``."""
        return self.cores <= room.cores + _ROUNDING and self.memory_bytes <= room.memory_bytes

    def times_in(self, room: "Size") -> int:
        """How often this much can be taken from ``room``."""
        return math.floor(min(room.cores / self.cores + _ROUNDING, room.memory_bytes / self.memory_bytes))

    def share_of(self, whole: "Size") -> float:
        """The larger of the two shares of ``whole`` that this is; ``whole`` has some of both."""
        return max(self.cores / whole.cores, self.memory_bytes / whole.memory_bytes)


@dataclass
class _Request(Generic[K]):
    key: K
    size: Size
    kept: str | None = None
    """The node that nobody who came later may use, for as long as this one waits."""


class Room(Generic[K]):
    """Gives room to requests in the order in which they came, on the node that is least loaded. Not thread-safe.

    A request that fits nowhere keeps one node, which could hold it if it were empty, for itself until it fits: others may pass it
    on the other nodes, so that nothing stands idle, but a large one never waits for ever behind small ones.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, Size] = {}
        self._taken: dict[K, tuple[str, Size]] = {}
        self._used: defaultdict[str, Size] = defaultdict(lambda: Size(0, 0))
        self._waiting: list[_Request[K]] = []

    @property
    def waiting(self) -> int:
        """Requests that have no room yet."""
        return len(self._waiting)

    @property
    def nodes(self) -> Mapping[str, Size]:
        """The nodes, and what each has in all."""
        return self._nodes

    def resize(self, nodes: Mapping[str, Size]) -> None:
        """Take ``nodes`` for all there are. What was given on a node that is gone stays given until it is given back."""
        self._nodes = {name: size for name, size in nodes.items() if size.cores > 0 and size.memory_bytes > 0}

    def ask(self, key: K, size: Size) -> None:
        """Join the queue. ``key`` names the request in ``grant``, ``hopeless`` and ``give_back``."""
        self._waiting.append(_Request(key, size))

    def give_back(self, key: K) -> None:
        """Give up what a request has, or its place in the queue. Idempotent."""
        if key in self._taken:
            node, size = self._taken.pop(key)
            self._used[node] -= size
        self._waiting = [request for request in self._waiting if request.key != key]

    def grant(self) -> list[tuple[K, str]]:
        """Give room to all that can have it now: their keys, and the node of each."""
        granted: list[tuple[K, str]] = []
        waiting: list[_Request[K]] = []
        kept: set[str] = set()
        for place, request in enumerate(self._waiting):
            open_nodes = self._nodes.keys() - kept
            if not open_nodes:
                waiting += self._waiting[place:]
                break
            free = [node for node in open_nodes if request.size.fits(self._free(node))]
            if free:
                node = min(free, key=lambda name: self._load(name, request.size))
                self._taken[request.key] = (node, request.size)
                self._used[node] += request.size
                granted.append((request.key, node))
                continue
            waiting.append(request)
            request.kept = self._to_keep(request, open_nodes)
            if request.kept is not None:
                kept.add(request.kept)
        self._waiting = waiting
        return granted

    def hopeless(self) -> list[tuple[K, Size]]:
        """Drop the requests that no node could hold, were it empty: their keys, and what they asked for."""
        sizes = {request.size for request in self._waiting}
        too_large = {size for size in sizes if not any(size.fits(whole) for whole in self._nodes.values())}
        found = [(request.key, request.size) for request in self._waiting if request.size in too_large]
        self._waiting = [request for request in self._waiting if request.size not in too_large]
        return found

    def _to_keep(self, request: _Request[K], open_nodes: set[str]) -> str | None:
        able = [node for node in open_nodes if request.size.fits(self._nodes[node])]
        if request.kept in able:
            return request.kept
        return min(able, key=lambda name: self._load(name, request.size), default=None)

    def _free(self, node: str) -> Size:
        return self._nodes[node] - self._used[node]

    def _load(self, node: str, more: Size) -> tuple[float, str]:
        """How full the node would be with ``more``; the name makes the choice among equals the same every time."""
        return (self._used[node] + more).share_of(self._nodes[node]), node
