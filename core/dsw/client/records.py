"""Calls for what was used and what was done."""

from __future__ import annotations

from collections.abc import Iterator

from dsw.audit import AuditQuery, AuditView
from dsw.base import Model
from dsw.client.transport import Transport
from dsw.usage import StorageQuery, StorageReport, UsageQuery, UsageReport


class RecordCalls(Transport):
    """Reports of use and the audit log, as models or as lines of CSV."""

    def usage(self, query: UsageQuery) -> UsageReport:
        """Hours of use."""
        answer = self._send("GET", "usage", params=self._asked(query))
        return UsageReport.model_validate(answer.json())

    def usage_csv(self, query: UsageQuery) -> Iterator[str]:
        """Hours of use, line by line."""
        return self._lines("usage.csv", self._asked(query))

    def storage(self, query: StorageQuery) -> StorageReport:
        """What homes and shared folders hold, and may hold."""
        answer = self._send("GET", "storage", params=self._asked(query))
        return StorageReport.model_validate(answer.json())

    def audit(self, query: AuditQuery, limit: int | None = None) -> list[AuditView]:
        """Lines of the audit log, the newest first."""
        return self._items("audit", AuditView, self._asked(query), limit)

    def audit_csv(self, query: AuditQuery) -> Iterator[str]:
        """Lines of the audit log, line by line."""
        return self._lines("audit.csv", self._asked(query))

    def _asked(self, query: Model) -> dict[str, str]:
        return query.model_dump(mode="json", exclude_none=True)
