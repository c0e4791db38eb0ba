"""Lets rollouts wait until a node has room for their sandboxes."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from service.workers.room import Room, Size

_LOOK_EVERY_S = 2.0
_log = logging.getLogger(__name__)

Ticket = asyncio.Future[str]


class TooLarge(Exception):
    """No node could hold what was asked for, were it empty."""


class WaitingRoom:
    """Room on nodes, shared by all pools of a controller. Owned by one event loop.

    ``look`` gives the nodes that are alive, by name, and what each has in all. It is asked again when room is wanted or given
    back, but not more often than every two seconds.
    """

    def __init__(self, look: Callable[[], Mapping[str, Size]]) -> None:
        self._look = look
        self._looked_at_s = float("-inf")
        self._room: Room[Ticket] = Room()

    @property
    def nodes(self) -> Mapping[str, Size]:
        """The nodes as they were seen last."""
        return self._room.nodes

    @property
    def waiting(self) -> int:
        """Rollouts that have no room yet."""
        return self._room.waiting

    @asynccontextmanager
    async def room_for(self, size: Size) -> AsyncIterator[str]:
        """Wait until there is room, and hold it within the context, which is given the node's name. Raises ``TooLarge``."""
        ticket: Ticket = asyncio.get_running_loop().create_future()
        self._room.ask(ticket, size)
        self._admit()
        if self._room.waiting == 1 and not ticket.done():
            _log.info("rollouts wait for room: %s are set aside for a sandbox", size)
        try:
            yield await ticket
        finally:
            self._room.give_back(ticket)
            self._admit()

    def _admit(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_at_s >= _LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._room.resize(self._look())
        # A ticket whose rollout was cancelled a moment ago is done already, and gives back what it gets here.
        for ticket, node in self._room.grant():
            if not ticket.done():
                ticket.set_result(node)
        for ticket, size in self._room.hopeless():
            if not ticket.done():
                ticket.set_exception(TooLarge(self._refusal(size)))

    def _refusal(self, size: Size) -> str:
        nodes = "; ".join(sorted({str(size) for size in self._room.nodes.values()})) or "no node is alive"
        return (
            f"no worker node has the {size} that are to be set aside for the sandbox (nodes have {nodes}); lower "
            "sandbox.requested_cpus or sandbox.requested_memory_bytes, or add a larger node"
        )


def this_machine() -> Size:
    """The processors that this process may use, and the machine's memory."""
    return Size(len(os.sched_getaffinity(0)), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def machine_room() -> WaitingRoom:
    """Room on this machine alone."""
    return WaitingRoom(lambda: {"this machine": this_machine()})
