"""When sends are caused: the arrivals of a workload, and the firing times of a job.

Times are nanoseconds of scenario time. Everything is made lazily, so that a long run costs no
memory, and depends on the scenario and the seed alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import count as counted
from itertools import groupby, islice
from operator import attrgetter
from typing import Any

import msgspec
from cronsim import CronSim

from simrt.scenario.events import most_of_a_call, payload
from simrt.scenario.model import Batch, OnOff, Publish, Scenario, Sender, Trace
from simrt.scenario.randomness import Randomness
from simrt.scenario.traces import read_recording, replayed, trace_path
from simrt.scenario.units import zone_of

OF_BURST = -1
"""The `publish_index` of a call that a burst makes."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """One call of a hook.

    Attributes:
        t_ns: when, in nanoseconds of scenario time, from 0 to below the duration.
        publish_index: position of its entry in `workload.publish`; `OF_BURST` for a burst's.
        event: the event's type.
        n: its how-many-th of this entry, from 1; arrivals while the server is down count too.
        data: the template of its data, for `render(data, n, wall)`.
        count: how many events it brings, `n` that of the first; more than one only where the hook
            takes a list.
    """

    t_ns: int
    publish_index: int
    event: str
    n: int
    data: Any
    count: int = 1


def arrivals(scenario: Scenario, randomness: Randomness) -> Iterator[Arrival]:
    """All calls of hooks, in order of time, then of position in the file.

    Streams of chance are named `arrivals/EVENT/K`, K the ordinal of the entry, from 1, among the
    entries of the same event.

    Arguments:
        scenario: a scenario that was loaded, so that its traces are known to be readable.
        randomness: the run's chance.
    """
    of_event: dict[str, int] = {}
    sources = []
    for index, entry in enumerate(scenario.workload.publish):
        of_event[entry.event] = of_event.get(entry.event, 0) + 1
        name = f"arrivals/{entry.event}/{of_event[entry.event]}"
        sources.append(_of_entry(scenario, index, entry, randomness, name))
    # merge is stable: at one instant the entry that stands first in the file comes first.
    return heapq.merge(*sources, key=attrgetter("t_ns"))


def _of_entry(
    scenario: Scenario, index: int, entry: Publish, randomness: Randomness, name: str
) -> Iterator[Arrival]:
    end_ns = scenario.workload.duration_ns
    if entry.arrivals.trace is not None:
        yield from _recorded(scenario, index, entry, entry.arrivals.trace)
        return
    data = payload(scenario.feature, entry)
    most = most_of_a_call(scenario.feature, entry.event, data)
    n = 1
    for t_ns, sends in groupby(_times(entry, randomness, name)):
        if t_ns >= end_ns:
            return
        while count := sum(1 for _ in islice(sends, most)):
            yield Arrival(t_ns, index, entry.event, n, data, count)
            n += count


def _times(entry: Publish, randomness: Randomness, name: str) -> Iterator[int]:
    process = entry.arrivals
    if process.poisson is not None:
        return _poisson(randomness, name, process.poisson.gap_ns)
    if process.periodic is not None:
        return _periodic(process.periodic.gap_ns)
    if process.batch is not None:
        return _batches(randomness, name, process.batch)
    assert process.on_off is not None
    return _on_off(randomness, name, process.on_off)


def _poisson(randomness: Randomness, name: str, gap_ns: Fraction) -> Iterator[int]:
    gaps = randomness.exponential(name, float(gap_ns))
    t_ns = 0
    for index in counted():
        t_ns += gaps.at(index)
        yield t_ns


def _periodic(gap_ns: Fraction) -> Iterator[int]:
    for n in counted(1):
        yield round(n * gap_ns)


def _batches(randomness: Randomness, name: str, batch: Batch) -> Iterator[int]:
    sizes = None
    if batch.size.geometric is not None:
        sizes = randomness.geometric(f"{name}/size", float(batch.size.geometric))
    if batch.rate is not None:
        times = _poisson(randomness, name, batch.rate.gap_ns)
    else:
        assert batch.periodic is not None
        times = _periodic(batch.periodic.gap_ns)
    for index, t_ns in enumerate(times):
        size = batch.size.fixed if sizes is None else int(sizes.at(index))
        assert size is not None
        for _ in range(size):
            yield t_ns


def _on_off(randomness: Randomness, name: str, law: OnOff) -> Iterator[int]:
    """A Poisson process on a clock that runs during `on` periods only.

    That is the same as a new one in each period, because a Poisson process has no memory.
    """
    on = randomness.draws(f"{name}/on", law.on)
    off = randomness.draws(f"{name}/off", law.off)
    period, on_ns, off_ns = 0, on.at(0), 0  # time on and off up to the end of this on period
    for t_ns in _poisson(randomness, name, law.rate.gap_ns):
        while t_ns >= on_ns:
            off_ns += off.at(period)
            period += 1
            on_ns += on.at(period)
        yield t_ns + off_ns


def _recorded(scenario: Scenario, index: int, entry: Publish, trace: Trace) -> Iterator[Arrival]:
    recording = read_recording(trace_path(trace, scenario.directory))
    template: Any = None
    rows = replayed(trace, recording, entry.event, scenario.workload.duration_ns)
    for n, (t_ns, position) in enumerate(rows, 1):
        if position in recording.data:
            yield Arrival(t_ns, index, entry.event, n, recording.data[position])
            continue
        if template is None:  # asked for late: a trace may bring all data itself
            template = payload(scenario.feature, entry)
        yield Arrival(t_ns, index, entry.event, n, template)


def trace_notes(scenario: Scenario) -> tuple[str, ...]:
    """What a person should be told about the scenario's traces: columns that are ignored."""
    notes: dict[str, None] = {}
    for entry in scenario.workload.publish:
        if entry.arrivals.trace is not None:
            path = trace_path(entry.arrivals.trace, scenario.directory)
            ignored = read_recording(path).ignored
            if ignored:
                notes[f"{path}: ignored: {', '.join(ignored)}; used: t, event, data"] = None
    return tuple(notes)


def job_times(sender: Sender, starts: datetime, start_ns: int, until_ns: int) -> Iterator[int]:
    """When a job fires during one life of the server, in nanoseconds of scenario time.

    Never at the instant of the start; an interval fires first after one interval; what a down
    server missed is not caught up (HOK-3, RST-5). At changes to and from summer time, what falls
    into the gap fires after it, and a fixed time fires once.

    Arguments:
        sender: a sender that is a job.
        starts: the wall clock at scenario time 0.
        start_ns: when the server started, scenario time.
        until_ns: the first instant that is not asked about.
    """
    assert sender.job is not None
    interval_ns = sender.interval_ns
    if interval_ns is not None:
        yield from range(start_ns + interval_ns, until_ns, interval_ns)
        return
    begin = starts + timedelta(microseconds=start_ns // 1000)
    for firing in CronSim(sender.job, begin.astimezone(zone_of(sender.timezone))):
        # Microseconds are whole numbers: exact. The start itself may lie between two of them.
        t_ns = (firing.astimezone(UTC) - starts) // timedelta(microseconds=1) * 1000
        if t_ns >= until_ns:
            return
        if t_ns > start_ns:
            yield t_ns
