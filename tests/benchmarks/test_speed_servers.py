"""Servers of the speed benchmark: whose answer counts, what a failed one said, and that none is left."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from benchmarks.speed import servers
from benchmarks.speed.servers import Server

SERVING = """
import os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Echo(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(os.getpid()).encode())

if "apart" in sys.argv and os.fork():
    import time; time.sleep(2)
    os._exit(0)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """Where a server is to answer."""
    body = tmp_path / "body.json"
    body.write_text("{}", "utf-8")
    return Server(servers._free_port(), "/", body)


def _command(server: Server, *more: str) -> list[str]:
    return [sys.executable, "-c", SERVING, str(server.port), *more]


def test_a_server_answers_while_it_is_needed(server: Server, tmp_path: Path) -> None:
    """It is there within, and gone after."""
    with servers._running(_command(server), tmp_path, server) as running:
        assert running == replace(server, pid=running.answer())
    assert not psutil.pid_exists(running.pid)


def test_children_of_a_dead_server_are_ended(server: Server, tmp_path: Path) -> None:
    """A process that a server has started goes with it, though the server itself has ended before."""
    with servers._running(_command(server, "apart"), tmp_path, server) as running:
        child = running.answer()
        assert child != running.pid
        while psutil.Process(running.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.1)
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail(f"{child} is still there")


def test_a_server_of_another_program_does_not_count(server: Server, tmp_path: Path) -> None:
    """Where the port is taken the server that was started has failed, and what it said last is told."""
    taken = servers._running(_command(server), tmp_path, server)
    with taken, pytest.raises(RuntimeError) as failed, servers._running(_command(server), tmp_path, server):
        pass
    lines = str(failed.value).splitlines()
    assert lines[0] == f"{_command(server)!r} has ended with 1"
    assert lines[-1].endswith("Address already in use")
