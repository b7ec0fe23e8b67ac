"""The compose file and the Dockerfiles: closed to others, bounded, pinned, in order of health, without a secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = ("candle-annotator", "ml-service", "mlflow", "postgres")
STEPS = ("databases", "candle-ml-migrations", "mlflow-migrations")
RESTORING = "restoring"
DOCKERFILES = sorted(ROOT.glob("docker/*/Dockerfile"))
PINNED = re.compile(r"[\w/.-]+:\d+\.\d+[\w.-]*")
SECRET = re.compile(r"\b(\w*(?:PASSWORD|_KEY))\b")


def dockerfile(service: str) -> str:
    """The Dockerfile that a service is built from, from its last `FROM` or its target on."""
    build = SERVICES[service]["build"]
    text = (ROOT / build["context"] / build["dockerfile"]).read_text("utf-8")
    stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
    target = build.get("target")
    return stages[-1] if target is None else next(one for one in stages if one.split("\n")[0].endswith(f" AS {target}"))


def dockerfile_text(service: str) -> str:
    """The whole Dockerfile that a service is built from."""
    return (ROOT / SERVICES[service]["build"]["dockerfile"]).read_text("utf-8")


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )


def test_the_services_are_these() -> None:
    """The stack is four services and three steps that end by themselves; `up` starts nothing for a restore."""
    assert sorted(SERVICES) == sorted([*LASTING, *STEPS, RESTORING])
    assert {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one} == {RESTORING: ["restore"]}


@pytest.mark.parametrize("service", LASTING)
def test_ports_are_published_on_the_loopback_address(service: str) -> None:
    """Every published port names 127.0.0.1; the database publishes none."""
    ports = SERVICES[service].get("ports", [])
    assert len(ports) == (service != "postgres")
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\$\{\w+:-(\d+)\}:\1", port)] == []


@pytest.mark.parametrize("service", [*LASTING, *STEPS, RESTORING])
def test_every_container_is_confined(service: str) -> None:
    """Each container has a user without root, a read-only root, no capabilities, bounded memory and processes."""
    one = SERVICES[service]
    user = int(one["user"].split(":")[0])
    assert user > 0
    assert (one["read_only"], one["cap_drop"], one["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert re.fullmatch(r"\d+[mg]", one["mem_limit"])
    assert one["pids_limit"] > 0
    assert "privileged" not in one
    assert one.get("network_mode", "none") == "none"


def test_no_container_reaches_into_the_machine() -> None:
    """What is mounted from the machine is a file of the project, read-only."""
    mounted = [volume for one in SERVICES.values() for volume in one.get("volumes", [])]
    outside = [volume for volume in mounted if volume.split(":")[0] not in COMPOSE["volumes"]]
    assert [volume for volume in outside if not re.fullmatch(r"\./docker/[\w/.]+:/[\w/.]+:ro", volume)] == []


@pytest.mark.parametrize("service", LASTING)
def test_every_service_has_a_health_check_and_comes_back(service: str) -> None:
    """Compose file or Dockerfile checks the health of each service, and one that ends is started again."""
    one = SERVICES[service]
    assert one["restart"] == "unless-stopped"
    assert "healthcheck" in one or re.search(r"^HEALTHCHECK .*\\\n    CMD \[", dockerfile(service), re.MULTILINE)


def test_services_wait_for_health() -> None:
    """A service starts when what it needs is healthy, or has done its step; the database needs nothing."""
    needed = {
        service: {name: how["condition"] for name, how in one["depends_on"].items()}
        for service, one in SERVICES.items()
        if "depends_on" in one
    }
    done, healthy = "service_completed_successfully", "service_healthy"
    assert needed == {
        "candle-annotator": {"ml-service": healthy},
        "ml-service": {"candle-ml-migrations": done, "mlflow": healthy},
        "mlflow": {"mlflow-migrations": done},
        "databases": {"postgres": healthy},
        "restoring": {"databases": done},
        "candle-ml-migrations": {"databases": done},
        "mlflow-migrations": {"databases": done},
    }


def test_every_image_is_pinned() -> None:
    """Images that are not built here are named with a full version, in the compose file and in the Dockerfiles."""
    built = {one["image"] for one in SERVICES.values() if "build" in one}
    named = {re.sub(r"\$\{\w+:-(.*)\}", r"\1", one["image"]) for one in SERVICES.values()} - built
    bases = {
        base for file in DOCKERFILES for base in re.findall(r"^ARG \w+_IMAGE=(\S+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) == 1
    assert len(bases) == len(DOCKERFILES)
    assert [image for image in named | bases if not PINNED.fullmatch(image)] == []


def test_every_image_is_built_once() -> None:
    """No two services build one image, which fails when they do so at the same time."""
    images = [one["image"] for one in SERVICES.values() if "build" in one]
    assert len(images) == len(set(images)) == 3


def test_images_of_two_projects_have_two_names() -> None:
    """What a clone builds under another project's name leaves the images of the first one alone."""
    images = [one["image"] for one in SERVICES.values() if "build" in one]
    assert [image for image in images if not image.startswith("${COMPOSE_PROJECT_NAME}-")] == []


def test_a_pinned_base_is_kept_in_env() -> None:
    """Every base can be named in `.env`, so that the next build starts from the same one."""
    example = (ROOT / ".env.example").read_text("utf-8")
    for one in SERVICES.values():
        if "build" in one:
            text = (ROOT / one["build"]["dockerfile"]).read_text("utf-8")
            assert one["build"]["args"] == re.findall(r"^ARG (\w+_IMAGE)=", text, re.MULTILINE)
    wanted = {*re.findall(r"\w+_IMAGE", (ROOT / "docker-compose.yml").read_text("utf-8"))}
    assert wanted == {"PYTHON_IMAGE", "NODE_IMAGE", "POSTGRES_IMAGE"} == {*re.findall(r"\w+_IMAGE", example)}


def test_a_clone_that_is_closed_to_others_makes_images_that_are_not() -> None:
    """Whatever the modes of the clone's files, those that a container runs or reads by itself are open to its user."""
    copied = [
        line
        for file in DOCKERFILES
        for line in re.findall(r"^COPY (?!--from).*docker/.*", file.read_text("utf-8"), re.MULTILINE)
        if "pip.lock" not in line
    ]
    assert len(copied) == 3
    assert [line for line in copied if "--chmod=0755" not in line and "--chmod=0644" not in line] == []
    assert "chmod -R go=rX .next/standalone .next/static migrations" in dockerfile_text("candle-annotator")


def test_no_command_shows_a_secret() -> None:
    """No command line of a container is made with a secret's value, so that no list of processes holds one."""
    lines = [str(one.get(part, "")) for one in SERVICES.values() for part in ("command", "entrypoint")]
    tests = [str(one.get("healthcheck", "")) for one in SERVICES.values()]
    assert [line for line in lines + tests if "$" in line] == []


def test_only_the_service_reaches_the_stores() -> None:
    """MLflow and PostgreSQL share no network with the annotator; PostgreSQL's leads nowhere else."""
    joined = {name: set(one["networks"]) for name, one in SERVICES.items() if "networks" in one}
    assert joined["candle-annotator"] == {"annotating"}
    assert joined["candle-annotator"].isdisjoint(joined["mlflow"] | joined["postgres"])
    assert joined["postgres"] == {"storing"}
    assert COMPOSE["networks"]["storing"] == {"internal": True}


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_images_start_from_pinned_bases_only(file: Path) -> None:
    """Each stage starts from the pinned base or from another stage."""
    text = file.read_text("utf-8")
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
    starts = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert [start for start in starts if start not in stages and not re.fullmatch(r"\$\{\w+_IMAGE\}", start)] == []


@pytest.mark.parametrize("service", ["candle-annotator", "ml-service", "mlflow"])
def test_images_run_a_program_that_gets_signals_without_root(service: str) -> None:
    """The last user is not root, and the command is a program, not a shell that would keep signals to itself."""
    stage = dockerfile(service)
    assert re.findall(r"^USER (\S+)", stage, re.MULTILINE)[-1] == SERVICES[service]["user"] == "1000:1000"
    assert re.search(r'^CMD \["(?!sh")', stage, re.MULTILINE)
    assert SERVICES[service]["init"] is True


def test_commands_start_with_what_the_image_has() -> None:
    """Every command can be imported without the packages that the service's image leaves out."""
    absent = ["dvc", "matplotlib", "pyarrow"]
    code = f"""
import sys, pkgutil
sys.modules.update(dict.fromkeys({absent}))
import candle_ml.cli
print(*(__import__(f"candle_ml.cli.{{one.name}}") for one in pkgutil.iter_modules(candle_ml.cli.__path__)))
"""
    started = run([sys.executable, "-c", code], ROOT)
    assert started.stderr == ""
    assert started.returncode == 0


def test_secrets_come_from_the_environment_alone() -> None:
    """Wherever a password or key is given to a container, it is a variable that stops the start when it is unset."""
    given = re.findall(
        r"^\s+(\w*(?:PASSWORD|_KEY|_URL|_URI)): (\S.*)$", (ROOT / "docker-compose.yml").read_text(), re.M
    )
    assert len(given) >= 8
    secret = [value for name, value in given if SECRET.search(name) or ("://" in value and "@" in value)]
    assert [value for value in secret if not re.search(r"\$\{\w+:\?run make env\}", value)] == []


def test_the_example_names_every_variable_and_no_secret() -> None:
    """`.env.example` has each variable of the compose file once; the secrets among them are empty."""
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    assert set(example) == used - {"POSTGRES_IMAGE"}
    assert {name: value for name, value in example.items() if value} == {"COMPOSE_PROJECT_NAME": "candle-ml"}


def test_no_secret_and_no_data_reach_a_build() -> None:
    """What images are built from leaves everything out that is not named, and `.env` also where it is named."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[1] == "*"
    assert "**/.env*" in lines[lines.index("!web") :]
    named = {line[1:] for line in lines if line.startswith("!")}
    assert named.isdisjoint({".env", "data", "tests", ".git", "backups"})


def test_git_ignores_every_copy_of_the_secrets() -> None:
    """`.env`, what an interrupted `make env` leaves and an editor's copies are ignored; the example is not."""
    ignored = run(["git", "check-ignore", ".env", ".env.Xy12ab", ".env.bak", ".env.example", "backups/one"], ROOT)
    assert ignored.stdout.split() == [".env", ".env.Xy12ab", ".env.bak", "backups/one"]
