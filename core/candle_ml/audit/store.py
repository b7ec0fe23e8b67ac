"""Audits that were made before, one file each in the project folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from candle_ml.audit.results import FORMAT, AuditReport

_FOLDER = Path(".candle-ml") / "audits"
_in_this_process: dict[str, AuditReport] = {}


def kept(root: Path, key: str) -> AuditReport | None:
    """The audit of this key: from the project folder, else one made earlier in this process.

    A file that is not the audit of that key counts as none.
    """
    try:
        report = AuditReport.model_validate_json(_path(root, key).read_bytes())
    except (OSError, ValidationError):
        return _in_this_process.get(key)
    return report if (report.format, report.key) == (FORMAT, key) else _in_this_process.get(key)


def keep(root: Path, report: AuditReport) -> Path:
    """Write an audit where `kept` finds it; returns the file."""
    _in_this_process[report.key] = report
    path = _path(root, report.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(report.model_dump_json(indent=1), "utf-8")
    unfinished.replace(path)
    return path


def _path(root: Path, key: str) -> Path:
    return root / _FOLDER / f"{key[:24]}.json"
