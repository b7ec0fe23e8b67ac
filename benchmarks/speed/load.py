"""A load generator: so many connections, each sending its next request when it has the answer to the last.

Runs as a process of its own: `python -m benchmarks.speed.load JSON` prints the latencies as JSON. It parses no more of
an answer than its status and length, so that it is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmarks.environments import ROOT
from benchmarks.speed.timing import on_cores, other_cores


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent: `body` is a file, None for GET; `pause` seconds stand between an answer and the next request."""

    port: int
    path: str
    body: str | None
    connections: int
    seconds: float
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: the latencies of all answers in seconds, and how long it took."""

    latencies: list[float]
    seconds: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that so many percent of the answers kept, in seconds."""
        return float(np.percentile(self.latencies, share))


@contextmanager
def started(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """A load that comes from the other core than the servers'; it stops where it has not ended by then."""
    command = [sys.executable, "-m", "benchmarks.speed.load", json.dumps(asdict(plan))]
    with on_cores(other_cores()):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0)
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> Load:
    """What a load found. Raises `RuntimeError` where an answer was no success."""
    output = process.communicate()[0]
    if process.returncode:
        raise RuntimeError("the load generator failed; what it said stands above")
    return Load(**json.loads(output))


def loaded(plan: Plan) -> Load:
    """Send, and wait for the end."""
    with started(plan) as process:
        return ended(process)


async def _send(plan: Plan) -> Load:
    content = b"" if plan.body is None else Path(plan.body).read_bytes()
    request = _request(plan, content)
    latencies: list[float] = []
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(plan.connections):
            group.create_task(_connection(plan, request, started + plan.seconds, latencies))
    return Load(latencies, time.perf_counter() - started)


def _request(plan: Plan, content: bytes) -> bytes:
    lines = [f"{'GET' if plan.body is None else 'POST'} {plan.path} HTTP/1.1", f"Host: 127.0.0.1:{plan.port}"]
    if plan.body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


async def _connection(plan: Plan, request: bytes, end: float, latencies: list[float]) -> None:
    reader, writer = await _opened(plan)
    while (started := time.perf_counter()) < end:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(head.decode())
        await _body(reader, head)
        latencies.append(time.perf_counter() - started)
        if b"\r\nconnection: close\r\n" in head:
            writer.close()
            reader, writer = await _opened(plan)
        if plan.pause:
            await asyncio.sleep(plan.pause)
    writer.close()


async def _opened(plan: Plan) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", plan.port, limit=1 << 20)


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read an answer's body, of a told length or in chunks."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            await reader.readexactly(int(value))
            return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_send(Plan(**json.loads(sys.argv[1])))))))
