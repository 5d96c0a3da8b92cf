"""One history from the parts of a run: rows of each server life, of the clients, of the harness.

The parts share one clock: the machine's monotonic clock, read by every process. So time orders
them, and where two rows bear one time, causes come first: what a server wrote, then the harness,
then the clients.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from simrt.history import Header, HistoryWriter, Row
from simrt.scenario.arrivals import job_times
from simrt.scenario.model import Scenario, Sender
from simrt.targets.harness.calls import LostCall

# Places among rows of one instant.
_HEAL, _SERVER, _HARNESS, _CLIENT = range(4)
# A cron instant this long before a kill may still not have come round in the server's loop.
_LATE_S = 0.25

_decoder = msgspec.json.Decoder(Row)


@dataclass(slots=True)
class Life:
    """One life of the server, as the harness saw it.

    Attributes:
        record: the file of its rows.
        epoch: the hub's name; empty if it never listened.
        begin_ns: when it listened.
        killed_ns: when it was killed, or None.
        back_ns: when the next life listened, or None.
    """

    record: Path
    epoch: str = ""
    begin_ns: int = 0
    killed_ns: int | None = None
    back_ns: int | None = None


@dataclass(slots=True)
class Parts:
    """What a run left behind.

    Attributes:
        lives: the server's lives, in order.
        clients: the file of the clients' and the harness's rows.
        heals: the `heal` rows of restarts, whose time is known only afterwards.
        lost: hook calls that ended without an answer.
        unsent: hook calls whose turn came only after the workload, and which were not made.
    """

    clients: Path
    lives: list[Life] = field(default_factory=list)
    heals: list[Row] = field(default_factory=list)
    lost: list[LostCall] = field(default_factory=list)
    unsent: int = 0


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a part; an unfinished last line is left out, as nothing of it was seen."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decoder.decode(line)


def merge(
    parts: Parts,
    header: Header,
    history: Path,
    plays: Iterable[Scenario],
    *,
    speed: float,
    complete_ns: int | None,
) -> None:
    """Write the history.

    Arguments:
        parts: what the run left behind.
        header: the first line.
        history: the file; `.gz` compresses.
        plays: the scenario and its neighbour.
        speed: scenario seconds per real second.
        complete_ns: when the run ended, for its last row; None if it was cut short.
    """
    ends_ns = complete_ns
    harness: list[Row] = []
    for number, life in enumerate(parts.lives):
        if life.killed_ns is None:
            continue
        seen = _Seen(life)
        # The kernel ends the connections after the process wrote its last row, and the kill was
        # told before that: so this is before whatever a client heard of it.
        dead_ns = max(life.killed_ns, seen.last_ns)
        harness.append(Row(dead_ns, "restart", epoch=life.epoch, cause="server"))
        until_ns = life.back_ns if life.back_ns is not None else ends_ns
        for play in plays:
            harness += _missed_jobs(play, life, seen, dead_ns, until_ns, speed)
        harness += _undone([call for call in parts.lost if call.life == number], seen, dead_ns)
    harness.sort(key=lambda row: row.t_ns)
    streams = [
        _placed(parts.heals, _HEAL),
        *(_placed(rows_of(life.record), _SERVER) for life in parts.lives),
        _placed(harness, _HARNESS),
        _placed(rows_of(parts.clients), _CLIENT),
    ]
    with HistoryWriter(history, header) as writer:
        last_ns = 0
        for t_ns, _, row in heapq.merge(*streams, key=lambda placed: placed[:2]):
            last_ns = t_ns
            writer.write(row)
        if complete_ns is not None:
            detail: dict[str, Any] = {"run": "complete"}
            if parts.unsent:
                detail["unsent"] = parts.unsent
            writer.write(Row(max(complete_ns, last_ns), "end", detail=detail))


def _placed(rows: Iterable[Row], place: int) -> Iterator[tuple[int, int, Row]]:
    return ((row.t_ns, place, row) for row in rows)


class _Seen:
    """What a life's own rows say it did."""

    def __init__(self, life: Life) -> None:
        self.last_ns = 0
        self.sent: Counter[tuple[str, str]] = Counter()
        self.rejected: Counter[tuple[str, str]] = Counter()
        self.last_of: dict[tuple[str, str], int] = {}
        for row in rows_of(life.record):
            self.last_ns = row.t_ns
            if row.kind == "send" and row.detail is not None:
                key = (row.project, row.detail["sender"])
                self.sent[key] += 1
                self.last_of[key] = row.t_ns
            elif row.kind == "reject":
                self.rejected[row.project, row.event] += 1
                self.last_of[row.project, row.event] = row.t_ns


def _undone(lost: list[LostCall], seen: _Seen, dead_ns: int) -> Iterator[Row]:
    """Lost calls that the dead server had not done: they found it down (RST-5)."""
    for call in lost:
        hook = call.hook
        sent = seen.sent[hook.project, hook.name] > call.sent
        if sent or seen.rejected[hook.project, hook.event] > call.rejected:
            continue
        yield _down(max(call.t_ns, dead_ns), hook.project, hook.channel, hook.event)


def _missed_jobs(
    play: Scenario, life: Life, seen: _Seen, dead_ns: int, until_ns: int | None, speed: float
) -> Iterator[Row]:
    """Cron instants that found the server down (RST-5); an interval counts from the next start."""
    duration_ns = play.workload.duration_ns
    until_ns = duration_ns if until_ns is None else min(until_ns, duration_ns)
    late_ns = int(_LATE_S * speed * 1_000_000_000)
    feature = play.feature
    for job in feature.jobs:
        assert job.job is not None
        if job.interval_ns is not None:
            continue
        # A rejected event names no sender, so its type must tell that the job came round.
        names = (job.job, job.sends)
        done_ns = max(seen.last_of.get((feature.project, name), -1) for name in names)
        for t_ns in _instants(job, play, life, until_ns):
            if t_ns > max(done_ns, dead_ns - late_ns):
                yield _down(max(t_ns, dead_ns), feature.project, feature.channel, job.sends)


def _instants(job: Sender, play: Scenario, life: Life, until_ns: int) -> Iterator[int]:
    return job_times(job, play.starts, max(0, life.begin_ns), until_ns)


def _down(t_ns: int, project: str, channel: str, event: str) -> Row:
    return Row(t_ns, "reject", project=project, channel=channel, event=event, cause="down")
