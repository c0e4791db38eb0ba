"""Where rollouts are run. The only place that imports Ray, and only when a pool over it is made: the import costs seconds."""

from collections.abc import Callable, Mapping

from service.settings import Settings
from service.workers.inline_pool import InlinePool
from service.workers.room import Size
from service.workers.waiting_room import WaitingRoom
from unhobble.protocols import RolloutPool
from unhobble.registry import Registry
from unhobble.worker import Worker


def ray_pools(settings: Settings) -> Callable[[int], RolloutPool]:
    """A factory of pools over Ray, which share the room that there is; Ray is started (or joined) with the first."""
    room = WaitingRoom(_ray_nodes)

    def make(concurrency: int) -> RolloutPool:
        from service.workers.ray_pool import RayPool, start_ray

        start_ray(settings.ray_address)
        workers = min(settings.workers, concurrency)
        return RayPool(workers=workers, concurrency=concurrency, room=room, sandboxes=settings.sandboxes)

    return make


def inline_pools(registry: Registry) -> Callable[[int], RolloutPool]:
    """A factory of pools in this process."""

    def make(concurrency: int) -> RolloutPool:
        del concurrency  # the caller keeps it
        return InlinePool(Worker(registry))

    return make


def _ray_nodes() -> Mapping[str, Size]:
    from service.workers.ray_pool import nodes

    return nodes()
