"""What faults do to a server that lives in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from simrt.scenario.model import Fault
from simrt.targets.app.lives import Lives
from simrt.targets.harness.members import Member
from simrt.targets.harness.troubles import Troubles, detail_of


class AppTroubles(Troubles):
    """Offline periods and faults of a run in virtual time.

    Arguments:
        lives: the server's lives.
        given: as for `Troubles`.
        missed: told when the server went down: its jobs are missed until it is back.
    """

    def __init__(self, *given: Any, lives: Lives, missed: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._lives = lives
        self._missed = missed
        self._denied: Counter[tuple[str, str]] = Counter()

    def _kill(self, index: int, fault: Fault, heals_ns: int) -> None:
        self._sink.write("restart", epoch=self._lives.epochs[-1], cause="server")
        self._lives.kill()
        self._missed()
        self._at(heals_ns, self._place(index), self._revive, index, fault)

    def _revive(self, index: int, fault: Fault) -> None:
        self._lives.start()
        detail = detail_of(index, fault, ())
        self._sink.write("heal", epoch=self._lives.epochs[-1], cause="restart", detail=detail)

    def _deny(self, index: int, fault: Fault, members: Sequence[Member], heals_ns: int) -> None:
        for member in members:
            self._denied[member.credential] += 1
            self._lives.revoke(*member.credential)
        self._at(heals_ns, self._place(index), self._allow, index, fault, members)

    def _allow(self, index: int, fault: Fault, members: Sequence[Member]) -> None:
        self._denied.subtract(member.credential for member in members)
        free = [member for member in members if not self._denied[member.credential]]
        for member in free:
            self._lives.restore(*member.credential)
        self._sink.write("heal", cause=fault.kind, detail=detail_of(index, fault, members))
        for member in free:
            member.client.log_in_again()
