"""Random numbers without a generator: each is a hash of what it is for, so that neither order nor clock can change it."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Draws:
    """The random numbers of one conversation, which is known by the seed of its requests and its task."""

    seed: int
    task: str

    def uniform(self, name: str, index: int = 0) -> float:
        """A number in [0, 1), uniform and independent for each distinct combination of seed, task, name and index."""
        return _uniform(self.seed, self.task, name, index)

    def below(self, count: int, name: str, index: int = 0) -> int:
        """A number in 0, 1, ..., ``count - 1``."""
        return int(self.uniform(name, index) * count)


@lru_cache(maxsize=4096)
def _uniform(seed: int, task: str, name: str, index: int) -> float:
    digest = hashlib.blake2b(f"{seed}\0{task}\0{name}\0{index}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
