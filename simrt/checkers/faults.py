"""Promise: what the scenario says goes wrong did go wrong, in its time, and was over in its time.

Each declared fault has one `fault` row and one `heal` row: in that order, of its kind, about whom
it names, with the same members. All end with the workload. A stalled client handles nothing until
the heal (NET-6). Rows that no fault of the scenario explains are as wrong as missing ones.

Where times are measured, a row may be late: by the machine's lateness, and the end of a restart or
of a denial by as long as a server takes to say that it is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simrt.checkers.fold import Checker, Watch
from simrt.checkers.ledger import Ledger, Subscription
from simrt.checkers.verdict import Status
from simrt.history import Row
from simrt.scenario.model import Fault
from simrt.text import exact_s, many

# On a target with measured time, how many resolutions late is certainly too late.
_CERTAINLY = 20
_SERVER_SAYS_WHEN = ("restart", "deny")


@dataclass(slots=True)
class _Told:
    """The rows of one declared fault, as far as they came."""

    fault: Fault
    began: Row | None = None
    healed: Row | None = None


class _Faults(Watch):
    """Holds the rows of faults against the scenario's list."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._told = [_Told(fault) for fault in ledger.scenario.faults]
        self._ends_ns = ledger.scenario.workload.duration_ns
        self._stalls: Counter[str] = Counter()
        self._late_ns = _CERTAINLY * ledger.header.resolution_ns

    def on_fault(self, row: Row, _: Subscription | None) -> None:
        told = self._declared(row)
        if told is None:
            return
        if told.began is not None:
            self.fail(row, "had begun before")
            return
        told.began = row
        self._in_time(row, told.fault.at_ns, self._late_ns)
        members = self._members(row)
        if not self._are_right(members, told.fault):
            self.fail(row, f"hits {_short(members)}, the scenario says {self._due(told.fault)}")
        self._stall(row, 1)

    def on_heal(self, row: Row, _: Subscription | None) -> None:
        told = self._declared(row)
        if told is None:
            return
        if told.began is None or told.healed is not None:
            self.fail(row, "heals what is not there")
            return
        told.healed = row
        due = min(told.fault.heals_ns, self._ends_ns)
        patient = told.fault.kind in _SERVER_SAYS_WHEN
        self._in_time(row, due, row.t_ns if patient and not self.ledger.exact else self._late_ns)
        if self._members(row) != self._members(told.began):
            self.fail(row, "heals others than the fault hit")
        self._stall(row, -1)

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        if self._stalls[row.subscriber] > 0:
            self.fail(row, "received by a client that is stalled (NET-6)")

    def _declared(self, row: Row) -> _Told | None:
        """The fault of the scenario that a row is about."""
        self.judged += 1
        detail = row.detail or {}
        index = detail.get("index")
        if not isinstance(index, int) or not 0 <= index < len(self._told):
            self.fail(row, f"is number {index}, the scenario declares {len(self._told)}")
            return None
        told = self._told[index]
        found = (row.cause, detail.get("whom"))
        if found != (told.fault.kind, told.fault.whom):
            self.fail(row, f"says {found[0]}: {found[1]}, the scenario {_named(told.fault)}")
            return None
        return told

    def _in_time(self, row: Row, due_ns: int, late_ns: int) -> None:
        if not due_ns - self.ledger.header.resolution_ns <= row.t_ns <= due_ns + late_ns:
            self.fail(row, f"is due at {exact_s(due_ns)}")

    @staticmethod
    def _members(row: Row) -> object:
        return (row.detail or {}).get("members")

    def _are_right(self, members: object, fault: Fault) -> bool:
        """All of the group; of a disconnect with a share, so many different ones."""
        if fault.of_kind.hits != "group":
            return members is None
        size = self.ledger.groups[fault.whom].count
        return (
            isinstance(members, list)
            and len(members) == len(set(members)) == self._how_many(fault)
            and set(members) <= set(range(size))
        )

    def _how_many(self, fault: Fault) -> int:
        size = self.ledger.groups[fault.whom].count
        if fault.kind != "disconnect" or fault.by is None:
            return size
        return max(1, round(size * fault.by))

    def _due(self, fault: Fault) -> str:
        if fault.of_kind.hits != "group":
            return "nobody"
        return f"{many(self._how_many(fault), 'member')} of {fault.whom}"

    def _stall(self, row: Row, more: int) -> None:
        members = self._members(row)
        if row.cause == "stall" and isinstance(members, list):
            for member in members:
                name = f"{(row.detail or {}).get('whom')}/{member}"
                self._stalls[name] += more

    def _finish(self) -> None:
        for told in self._told:
            if told.began is None:
                due = exact_s(told.fault.at_ns)
                self.fail(None, f"{_named(told.fault)}, due at {due}: no row says that it began")
            elif told.healed is None:
                self.fail(told.began, "no row says that it healed")

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.ledger.complete:
            self._finish()
        if self.failures:
            return Status.FAIL, (
                f"{many(self.failures, 'finding')} against what the scenario says goes wrong."
            )
        if not self._told:
            return Status.NOT_APPLICABLE, "The scenario declares no fault, and none happened."
        if not self.ledger.complete:
            return Status.INCONCLUSIVE, "The run ended before its faults could all be judged."
        return Status.PASS, (
            f"{many(len(self._told), 'fault')} began and healed on time, as declared; "
            "there were no others."
        )


def _named(fault: Fault) -> str:
    return f"{fault.kind}: {fault.whom}"


def _short(members: object) -> str:
    sequence = members if isinstance(members, Sequence) and not isinstance(members, str) else None
    return "nobody" if members is None else f"{len(sequence)} of them" if sequence else "none"


CHECKER = Checker(
    "faults",
    "What the scenario says goes wrong did go wrong, in its time, and was over in its time.",
    ("NET-6", "NET-7", "NET-8"),
    4,
    _Faults,
)
check = CHECKER.check
