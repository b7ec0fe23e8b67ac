"""The images: built from the shipped files, small, and without a secret."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

from compose import Stack
from showing import show

PYTHON_LIMIT_MB = 450
# Part of a file that every image of ours holds, and so proof that a search of its layers finds what is in them.
HELD = b"of this container answers with 200"
COMPILERS = "gcc cc g++ c++ clang ld make npm pip"


def built(stack: Stack) -> dict[str, dict[str, Any]]:
    """The image that each build section of the compose file makes, and from what."""
    services = stack.config()["services"].values()
    return {service["image"]: service["build"] for service in services if "build" in service}


def build(stack: Stack) -> None:
    """Build every image as the compose file says; the folder holds the secrets meanwhile."""
    for image, what in built(stack).items():
        started = time.monotonic()
        target = ["--target", what["target"]] if "target" in what else []
        file = ["--file", str(Path(what["context"]) / what["dockerfile"])]
        stack.engine.podman(
            "build", "--pull=never", "--isolation=chroot", *target, *file, "--tag", image, what["context"]
        )
        show(f"build of {image}", f"{time.monotonic() - started:.0f} s, what was built before not counted")


def sizes(stack: Stack) -> None:
    """What each image weighs above its base, and that the service's Python packages stay under their limit."""
    for image, what in built(stack).items():
        text = (Path(what["context"]) / what["dockerfile"]).read_text()
        bases = re.findall(r"^ARG \w+_IMAGE=(\S+)", text, re.MULTILINE)
        whole, base = (_megabytes(stack, name) for name in (image, bases[0]))
        show(f"size of {image}", f"{whole - base:.0f} MB above its base")
    service = stack.config()["services"]["ml-service"]["image"]
    packages = int(_in_image(stack, service, "du -sm /venv").split()[0])
    assert packages < PYTHON_LIMIT_MB, f"{packages} MB of Python packages"
    show(f"Python packages of {service}", f"{packages} MB of at most {PYTHON_LIMIT_MB}")


def nothing_to_build_with(stack: Stack) -> None:
    """No compiler and no installer in a final image, but for npm and pip where the published bases have them."""
    for image in built(stack):
        found = _in_image(stack, image, f"for name in {COMPILERS}; do command -v $name; done; true").split()
        ours = [path for path in found if not re.fullmatch(r"/usr(/local)?/bin/(npm|pip)", path)]
        assert ours == [], f"{image}: {ours}"
    show("compilers in the final images", "none")


def no_secret_in_layers(stack: Stack) -> None:
    """None of the secrets stands in any byte of an image: layers, configuration, history."""
    secrets = [value.encode() for value in stack.secrets.values()]
    for image in built(stack):
        content = subprocess.Popen(
            ["podman", "save", "--format", "docker-archive", image],
            stdout=subprocess.PIPE,
            env=stack.environment,
        )
        assert content.stdout is not None
        with content, content.stdout as stream:
            found = _found(stream, [HELD, *secrets])
        assert found == {HELD}, f"{image}: {len(found - {HELD})} secrets, control {HELD in found}"
    show(
        "secrets in layers, configuration and history of the images", f"none of {len(secrets)}; a control text is found"
    )


def no_secret_in_git(stack: Stack) -> None:
    """`.env` is ignored, was never committed, and its values stand in no commit."""
    assert stack.run("git", "log", "--all", "--oneline", "--", ".env") == ""
    assert stack.run("git", "status", "--porcelain") == ""
    stack.run("git", "check-ignore", ".env")
    values = [part for value in stack.secrets.values() for part in ("-e", value)]
    assert stack.attempt("git", "grep", "-F", *values, "HEAD").returncode == 1
    mode = (stack.folder / ".env").stat().st_mode & 0o777
    assert mode == 0o600
    show("secrets in git", f"none; .env is ignored, mode {mode:o}")


def _found(stream: Any, texts: list[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    kept = b""
    while part := stream.read(1 << 22):
        searched = kept + part
        found |= {text for text in texts if text in searched}
        kept = searched[-200:]
    return found


def _megabytes(stack: Stack, image: str) -> float:
    return int(stack.engine.podman("image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def _in_image(stack: Stack, image: str, script: str) -> str:
    return stack.engine.podman("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", script)
