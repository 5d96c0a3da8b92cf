"""Promise: only those whom the endpoint's permission names can read it.

Five probes ask the real endpoint with no, wrong, expired, another project's and the right
credentials; all but the right ones must get 401 before the first byte, the right ones 200 (SSE-4).
The channel's name opens nothing (CHN-4). Groups of the scenario that carry other credentials than
the right ones must be refused, give up, and never be connected. So must a group that the fault
`deny` takes its credentials from, for as long as that lasts. An endpoint that is declared
`public` lets everybody in, and the verdict says so.
"""

from __future__ import annotations

from collections import Counter

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import NEVER, PROBE, Ledger, Subscription, side, whom_of
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.text import many

PROBES = ("none", "wrong", "expired", "other-project", "right")
_WORDS = {
    "none": "no credentials",
    "wrong": "wrong ones",
    "expired": "expired ones",
    "other-project": "another project's",
    "right": "the right ones",
}
_UNSEEING = {
    "sim": "The simulator carries no credentials; the real server's probes judge this.",
    "app": "In virtual time nobody tries wrong credentials; the real server's probes judge this.",
}


class _Permission(Watch):
    """Collects the probes' answers, and what became of groups with wrong credentials."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        feature = ledger.scenario.feature
        self._stream = feature.stream
        self._endpoint = f"GET /{feature.project}{feature.stream.path}"
        self._readers = [who for who, how in feature.stream.permission.items() if "GET" in how]
        self._public = "public" in self._readers
        self._answers: dict[str, int] = {}
        groups = ledger.scenario.workload.subscribers
        self._strangers = {n for n, group in groups.items() if group.credentials != "right"}
        self._refused: dict[str, int] = {}
        self._gone: set[str] = set()
        self._denials: Counter[str] = Counter()
        self._allowed_ns: dict[str, int] = {}  # per group: when a denial was last over
        self._newest_ns: dict[str, int] = {}  # per subscriber: its newest row before

    def on_fault(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "deny":
            self._deny(row, 1)

    def on_heal(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "deny":
            self._deny(row, -1)

    def _deny(self, row: Row, by: int) -> None:
        whom = whom_of(row)
        self._denials[whom] += by
        self._allowed_ns[whom] = row.t_ns

    def _denied(self, row: Row) -> bool:
        return not self._public and self._denials[row.group] > 0

    def _was_denied(self, row: Row) -> bool:
        """Whether its credentials were bad at some time since its newest row before."""
        over_ns = self._allowed_ns.get(row.group)
        since_ns = self._newest_ns.get(row.subscriber, NEVER)
        return self._denied(row) or (over_ns is not None and over_ns >= since_ns)

    def on_refuse(self, row: Row, _: Subscription | None) -> None:
        status = int((row.detail or {}).get("status", 0))
        if row.group == PROBE:
            self._answer(row, status)
        elif row.cause == "status":
            self._refused[row.subscriber] = status
            stranger = row.group in self._strangers
            self.judged += stranger
            if stranger and status != 401 and not self._public:
                self.fail(row, f"answered {status}, wrong credentials get 401 (SSE-4)")
            elif not stranger and status in (401, 403) and not self._was_denied(row):
                self.fail(row, f"answered {status} in spite of the right credentials (SSE-4)")
        self._newest_ns[row.subscriber] = row.t_ns

    def on_gave_up(self, row: Row, _: Subscription | None) -> None:
        self._gone.add(row.subscriber)

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        if row.group in self._strangers and not self._public:
            self.judged += 1
            self.fail(row, "was let in without the right credentials (SSE-4)")
        elif self._denied(row) and self.ledger.exact:
            self.judged += 1
            self.fail(row, "was let in while its credentials were revoked (SSE-4)")
        self._newest_ns[row.subscriber] = row.t_ns
        if (row.detail or {}).get("status", 200) != 200:
            self.fail(row, "a stream begins with status 200 (SSE-4)")
        probe = row.subscriber.partition("/")[2]
        if row.group == PROBE and probe != "right" and not self._public:
            self.fail(row, "this probe must not be let in (SSE-4)")

    def on_close(self, row: Row, _: Subscription | None) -> None:
        if side(row) == "client":
            self._newest_ns[row.subscriber] = row.t_ns
        if row.group == PROBE and side(row) == "client":
            self._answer(row, int((row.detail or {}).get("status", 0)))

    def _answer(self, row: Row, status: int) -> None:
        detail = row.detail or {}
        probe = row.subscriber.partition("/")[2]
        self.judged += 1
        if probe in self._answers or row.connection != 1:
            self.fail(row, "each probe is one attempt")
        if row.cause not in ("status", "client", "server"):
            self.fail(row, f"ended because of {row.cause}, which is no answer")
        self._answers[probe] = status
        if detail.get("probe") != probe:
            self.fail(row, f"says it is about the probe {detail.get('probe')}")
        if detail.get("endpoint") != self._endpoint:
            self.fail(row, f"asked {detail.get('endpoint')}, the endpoint is {self._endpoint}")
        if self._public and probe not in ("none", "right"):
            return
        due = 200 if probe == "right" or self._public else 401
        if status != due:
            self.fail(row, f"answered {status}, must be {due} (SSE-4)")

    def _unanswered(self) -> None:
        """One probe asks for all five; whoever was refused for good must have given up."""
        if self._answers:
            for probe in PROBES:
                if probe not in self._answers:
                    self.fail(None, f"the probe with {probe} credentials has no answer (SSE-4)")
        for name in self._refused:
            if name.partition("/")[0] in self._strangers and name not in self._gone:
                self.fail(None, f"{name}: was refused and did not give up (CLI-3)")

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if not self._readers:
            self.fail(None, "the permission lets nobody GET the endpoint (SSE-3)")
        if self.ledger.complete:
            self._unanswered()
        who = " or ".join(self._readers)
        if self.failures:
            return Status.FAIL, (
                f"{many(self.failures, 'answer')} of {self._endpoint} against its permission "
                f"({who or 'nobody'})."
            )
        if not self.judged and self.ledger.header.target in _UNSEEING:
            return Status.NOT_APPLICABLE, _UNSEEING[self.ledger.header.target]
        if not self.judged and self.ledger.header.emulated:
            return Status.NOT_APPLICABLE, (
                "In lockstep nobody tries wrong credentials; a free run's probes judge this."
            )
        if not self.judged:
            return Status.INCONCLUSIVE, f"{self._endpoint} was never probed."
        if self._public:
            return Status.PASS, (
                f"{self._endpoint} is public on purpose: anyone can read it, without credentials "
                f"({many(self.judged, 'answer')} judged)."
            )
        told = [
            f"{_WORDS[probe]} {self._answers[probe]}" for probe in PROBES if probe in self._answers
        ]
        if self.judged > len(told):
            told.append(f"{many(self.judged - len(told), 'other answer')} as they must be")
        return Status.PASS, f"{self._endpoint} lets in only {who}: {', '.join(told)}."


CHECKER = Checker(
    "permission",
    "Only those whom the endpoint's permission names can read it.",
    ("CHN-4", "CLI-3", "SSE-3", "SSE-4"),
    1,
    _Permission,
)
check = CHECKER.check
