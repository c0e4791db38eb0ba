"""The clients: each has one connection, and asks again as soon as it is answered. One process, apart from the server's.

    python -m benchmarks.organism_server.load ADDRESS MODEL CLIENTS REQUESTS SPREAD_S TASKS

Plain sockets and no HTTP library, so that two hundred of them cost less than what they measure. The clients begin one after the
other within SPREAD_S seconds; where that is 0, all at once, and keep in step. What is printed is one JSON object.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.organism_server.workload import Body, bodies

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Plan:
    """Who asks what, how often. ``clients`` times ``requests`` are asked in all."""

    address: str
    model: str
    clients: int
    requests: int
    spread_s: float
    tasks: int


async def load(plan: Plan) -> dict[str, object]:
    """The seconds of each answer, but for each client's first, with which connecting is measured; and how many were no answers."""
    asked = bodies(plan.model, plan.tasks)
    found = await asyncio.gather(*(_client(plan, number, asked) for number in range(plan.clients)))
    return {"seconds": [seconds for some, _ in found for seconds in some[1:]], "failed": sum(failed for _, failed in found)}


async def _client(plan: Plan, number: int, asked: list[Body]) -> tuple[list[float], int]:
    where = urlsplit(plan.address)
    await asyncio.sleep(plan.spread_s * number / plan.clients)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    seconds, failed = [], 0
    for turn in range(plan.requests):
        body = asked[(number * 7 + turn) % len(asked)].content
        started_s = time.monotonic()
        writer.write(_head(where.netloc, len(body)) + body)
        status = await asyncio.wait_for(_read_answer(reader), PATIENCE_S)
        seconds.append(time.monotonic() - started_s)
        failed += status != 200
    writer.close()
    await writer.wait_closed()
    return seconds, failed


def _head(host: str, length: int) -> bytes:
    lines = ("POST /v1/chat/completions HTTP/1.1", f"host: {host}", "content-type: application/json", f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _read_answer(reader: asyncio.StreamReader) -> int:
    """Read one answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(first.split()[1])


def main() -> None:
    """See the module."""
    address, model, *numbers = sys.argv[1:]
    clients, requests, spread_s, tasks = numbers
    plan = Plan(address, model, int(clients), int(requests), float(spread_s), int(tasks))
    print(json.dumps(asyncio.run(load(plan))))  # noqa: T201 - its whole purpose


if __name__ == "__main__":
    main()
