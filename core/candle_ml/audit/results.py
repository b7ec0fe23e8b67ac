"""What an audit says, as frozen values that become JSON and come back the same."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from candle_ml.errors import AuditError, Problem

FORMAT = 2
Outcome = Literal["clean", "leak", "skipped"]


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AuditRow(_Result):
    """One thing that must hold of one subject.

    `looked_at` counts what was poked, in `unit` (candles, samples, features). `found` says what leaks and where, or
    why nothing could be looked at.
    """

    check: str
    subject: str
    outcome: Outcome
    looked_at: int
    unit: str
    found: str = ""


class AuditReport(_Result):
    """Every row of an audit; `key` (SHA-256) names the configuration, plugins and versions that it holds for."""

    format: int = FORMAT
    key: str
    seconds: float
    rows: tuple[AuditRow, ...]

    @property
    def leaks(self) -> tuple[AuditRow, ...]:
        """The rows that found a leak."""
        return tuple(row for row in self.rows if row.outcome == "leak")

    @property
    def left_out(self) -> tuple[AuditRow, ...]:
        """The rows that had nothing to look at."""
        return tuple(row for row in self.rows if row.outcome == "skipped")

    @property
    def done(self) -> int:
        """How many checks were made."""
        return len(self.rows) - len(self.left_out)

    @property
    def summary(self) -> str:
        """One line for a report."""
        if self.leaks:
            return f"{len(self.leaks)} leaks: {'; '.join(f'{row.subject}: {row.found}' for row in self.leaks)}"
        left = "".join(f"; not looked at: {row.check} ({row.subject}: {row.found})" for row in self.left_out)
        return f"no leak in {self.done} checks (audit {self.key[:12]}){left}"

    def refuse_leaks(self) -> None:
        """Raise `AuditError` that names every leak."""
        if self.leaks:
            raise AuditError(*(Problem(row.subject, row.found, f"{row.check}: mend it") for row in self.leaks))


def row(check: str, subject: str, looked_at: int, unit: str, found: str = "") -> AuditRow:
    """A row that is a leak where something was found."""
    outcome: Outcome = "leak" if found else "clean"
    return AuditRow(check=check, subject=subject, outcome=outcome, looked_at=looked_at, unit=unit, found=found)


def skipped(check: str, subject: str, reason: str) -> AuditRow:
    """A row of a check that has nothing to look at."""
    return AuditRow(check=check, subject=subject, outcome="skipped", looked_at=0, unit="", found=reason)
