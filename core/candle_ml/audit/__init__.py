"""The search for leaks: whether features, labels and blocks know at training what they could not know live."""

from candle_ml.audit.results import AuditReport, AuditRow
from candle_ml.audit.run import audit_before_training, audit_data, audit_plugins, audit_project

__all__ = ["AuditReport", "AuditRow", "audit_before_training", "audit_data", "audit_plugins", "audit_project"]
