"""Where rollouts are run. The only place that imports Ray, and only when a pool over it is made: the import costs seconds."""

from collections.abc import Callable

from service.settings import Settings
from service.workers.inline_pool import InlinePool
from unhobble.protocols import RolloutPool


def ray_pools(settings: Settings) -> Callable[[int], RolloutPool]:
    """A factory of pools over Ray; Ray is started (or joined) with the first."""

    def make(concurrency: int) -> RolloutPool:
        from service.workers.ray_pool import RayPool, start_ray

        start_ray(settings.ray_address)
        return RayPool(workers=min(settings.workers, concurrency), concurrency=concurrency)

    return make


def inline_pool(concurrency: int) -> RolloutPool:
    """A pool in this process."""
    del concurrency  # the caller keeps it
    return InlinePool()
