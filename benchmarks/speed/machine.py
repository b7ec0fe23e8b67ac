"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("candle-ml", "numpy", "TA-Lib", "xgboost-cpu", "scikit-learn", "Quart", "Hypercorn", "mlflow")


def described() -> dict[str, str]:
    """What stays as it is, and the load of the last minute."""
    return {**lasting(), "load when it began": f"{os.getloadavg()[0]:.1f}"}


def lasting() -> dict[str, str]:
    """Processor, cores, system, and the versions that candle-ml runs on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": f"{_processor()}, {cores} cores",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def peers() -> dict[str, str]:
    """The versions that peers are installed in, by environment."""
    files = sorted(Path(__file__).parent.glob("requirements-*.txt"))
    return {f"peers, {file.stem.removeprefix('requirements-')}": _pinned(file) for file in files}


def _pinned(requirements: Path) -> str:
    return ", ".join(requirements.read_text("utf-8").replace("==", " ").splitlines())


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
