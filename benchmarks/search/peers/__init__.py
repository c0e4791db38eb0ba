"""What others search with, behind the seam of our strategies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.search.peers import miprov2_like, smac3
from service.search.problem import SearchProblem
from unhobble.errors import BadInput, Issue
from unhobble.protocols import SearchStrategy


@dataclass(frozen=True)
class Peer:
    """A way to search that is not ours. ``lacking`` says what must be installed first; empty where nothing is."""

    make: Callable[[SearchProblem], SearchStrategy]
    lacking: Callable[[], str]

    def check(self) -> None:
        """Raise ``BadInput`` where it cannot be had."""
        if lacking := self.lacking():
            raise BadInput([Issue("strategies", lacking)])


PEERS: Mapping[str, Peer] = {
    "smac3": Peer(smac3.Smac3, smac3.lacking),
    "miprov2_like": Peer(miprov2_like.MiproV2Like, lambda: ""),
}
