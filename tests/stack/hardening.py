"""What a running container may do, and who can reach it."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from compose import PROXY, SERVICES, Stack
from loop import Annotator
from showing import show

FORGED = "attacker.example"
UNUSABLE = "p@ssword/with%41-slashes"


def no_start_without_secrets(stack: Stack) -> None:
    """Without `.env` nothing starts, and the message says what to do."""
    said = stack.attempt(str(stack.compose_command), "up", "--detach", "--no-build")
    assert said.returncode != 0
    assert "run make env" in said.stderr, said.stderr
    show("`docker compose up` without secrets", f"refused: {said.stderr.strip().splitlines()[-1]}")


def processes(stack: Stack) -> None:
    """Every process runs without root, capabilities or a way to them, on a file system that it cannot write to."""
    for service in SERVICES:
        status = Path(f"/proc/{stack.inspect(service, '{{.State.Pid}}')}/status").read_text()
        facts = dict(re.findall(r"^(\w+):\s+(\S+)", status, re.MULTILINE))
        assert int(facts["Uid"]) >= 999, f"{service}: user {facts['Uid']}"
        assert (int(facts["CapEff"], 16), int(facts["CapBnd"], 16), facts["NoNewPrivs"]) == (0, 0, "1"), facts
        for place in ("/probe", "/usr/bin/probe"):
            assert stack.inside(service, "sh", "-c", f"touch {place} 2>&1 || true").endswith("Read-only file system")
        memory = int(stack.inspect(service, "{{.HostConfig.Memory}}")) >> 20
        used = _memory(stack, service)
        show(f"{service}", f"user {facts['Uid']}, no capability, root read-only, {used} MB used of {memory} MB at most")


def _memory(stack: Stack, service: str) -> int:
    container = stack.inspect(service, "{{.Id}}")
    shown = stack.engine.podman("stats", "--no-stream", "--format", "{{.MemUsage}}", container)
    number, unit = re.match(r"([\d.]+)(kB|MB|GB)", shown.split(" / ")[0]).groups()  # type: ignore[union-attr]
    return round(float(number) * {"kB": 0.001, "MB": 1, "GB": 1000}[unit])


def listening(stack: Stack) -> None:
    """The published ports answer on the loopback address and on no other address of this machine."""
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()
    others = [address for address in addresses if not address.startswith("127.")]
    assert others
    for port in stack.ports.values():
        assert _connects("127.0.0.1", port)
        assert [address for address in others if _connects(address, port)] == []
    shown = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    podmans = [line.split()[3] for line in shown.splitlines() if re.search(r'"(conmon|podman|rootlessport)"', line)]
    assert [place for place in podmans if not place.startswith("127.0.0.1:")] == []
    show("listening", f"127.0.0.1 only; {len(stack.ports)} ports refused on {len(others)} other addresses")


def _connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=3).close()
    except OSError:
        return False
    return True


def strangers(stack: Stack) -> None:
    """The service wants its key, the database is in a network of its own, and forged host names are refused."""
    service = Annotator(stack.url("ML_SERVICE_PORT"))
    assert service.status("GET", "/model/info") == 401
    assert service.status("GET", "/health") == 200
    published = stack.inspect("postgres", "{{len .HostConfig.PortBindings}}")
    reached = [stack.inside("candle-annotator", "node", "-e", _RESOLVE % name) for name in ("postgres", "mlflow")]
    assert (published, reached) == ("0", ["ENOTFOUND"] * 2), (published, reached)
    codes = [_mlflow(stack, name, origin) for name, origin in ((FORGED, PROXY), (PROXY, FORGED), (PROXY, PROXY))]
    assert codes == ["403", "403", "200"], codes
    show(
        "strangers",
        "service without key 401; PostgreSQL not published, both stores unknown to the annotator; "
        "MLflow by a forged name or page 403, by a proxy's name in .env 200",
    )


def _mlflow(stack: Stack, name: str, origin: str) -> str:
    """The status of what a page of one name asks MLflow by another."""
    asked = [stack.url("MLFLOW_PORT") + "/api/2.0/mlflow/experiments/search", "--data", '{"max_results": 1}']
    headers = ["-H", f"Host: {name}", "-H", f"Origin: https://{origin}", "-H", "Content-Type: application/json"]
    return stack.run("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *asked, *headers)


_RESOLVE = "require('dns').lookup('%s', (error) => console.log(error ? error.code : 'found'))"


def unusable_password(stack: Stack) -> None:
    """A password that an address cannot hold stops `up` at once, is told by its variable, and is not in the log."""
    started = time.monotonic()
    refused = stack.attempt(
        str(stack.compose_command), "up", "--detach", "--wait", "--no-build", MLFLOW_DATABASE_PASSWORD=UNUSABLE
    )
    seconds = time.monotonic() - started
    assert refused.returncode != 0
    logs = stack.compose("logs", "--no-log-prefix", "databases")
    assert "MLFLOW_DATABASE_PASSWORD: 16 or more letters and digits are needed" in logs, logs
    assert UNUSABLE[2:6] not in logs
    stack.up()
    show("a password with other characters", f"`up` ends after {seconds:.0f} s; the log of `databases` says why")


@contextmanager
def no_secret_in_processes(stack: Stack, what: str) -> Iterator[None]:
    """While the block runs, no process of the machine has a secret in its command line, where everybody sees it."""
    seen: set[str] = set()
    looks: list[int] = []
    ended = Event()
    thread = Thread(target=_watch, args=(tuple(stack.secrets.values()), seen, looks, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert seen == set()
    assert len(looks) > 10
    show(f"secrets in the list of processes during {what}", f"none, looked {len(looks)} times")


def _watch(secrets: tuple[str, ...], seen: set[str], looks: list[int], ended: Event) -> None:
    while not ended.wait(0.1):
        lines = [_command_line(place) for place in Path("/proc").glob("[0-9]*/cmdline")]
        seen |= {line.split("\0")[0] for line in lines for secret in secrets if secret in line}
        looks.append(len(lines))


def _command_line(place: Path) -> str:
    try:
        return place.read_text(errors="replace")
    except OSError:
        return ""
