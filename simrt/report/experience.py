"""What users experience, per group: in words, in a table of the targets, and in daily numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simrt import text as words
from simrt.metrics import Estimate
from simrt.report.palette import MISSED, UNFINISHED
from simrt.report.story import Story
from simrt.results import Check, Run
from simrt.scenario.laws import Distribution
from simrt.scenario.metric_names import METRICS
from simrt.scenario.model import Subscribers
from simrt.scenario.units import NS_PER_S

_QUANTILE = re.compile(r"^p(\d+(?:\.\d+)?)\((\w+)\)$")
DAY_S = 86_400
TUNNEL_S = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a group's table: what, and a cell for each target."""

    label: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupExperience:
    """What one group experiences.

    Attributes:
        group: its name.
        who: how many, and how they are connected.
        summary: what happens to 100 events, on the first target.
        targets: the columns of the table.
        lines: its rows.
        numbers: the same in daily numbers; arithmetic, and says so.
    """

    group: str
    who: str
    summary: str
    targets: tuple[str, ...]
    lines: tuple[Line, ...]
    numbers: tuple[str, ...]


def experience(
    check: Check, runs: Sequence[Run], stories: Sequence[Story]
) -> tuple[GroupExperience, ...]:
    """What each group experiences.

    Arguments:
        check: for the intervals over all runs.
        runs: the shown run of each target.
        stories: its story, in the same order.
    """
    return tuple(
        GroupExperience(
            group=group,
            who=_who(declared),
            summary=_summary(check, runs[0], stories[0], group),
            targets=tuple(run.target for run in runs),
            lines=_lines(runs, stories, group),
            numbers=_numbers(runs[0], stories[0], group, declared),
        )
        for group, declared in check.scenario.workload.subscribers.items()
    )


def metric_text(metric: str, value: float | None) -> str:
    """A figure with its unit, as a reader takes it in; a dash where there is none."""
    if value is None:
        return words.NOTHING
    return words.measured(value, metric_unit(metric))


def metric_unit(metric: str) -> str:
    """The unit of a metric or of a quantile of one; empty where it is not known."""
    match = _QUANTILE.match(metric)
    known = METRICS.get(match[2] if match else metric)
    return known.unit if known else ""


def metric_label(metric: str) -> str:
    """A metric in a product owner's words; its name where it is not known."""
    match = _QUANTILE.match(metric)
    known = METRICS.get(match[2] if match else metric)
    if known is None:
        return metric
    if match is None:
        average = ", average" if known.kind == "mean" else ""
        return f"{known.phrase}{average}"
    if match[1] == "50":
        return f"{known.phrase}, median"
    return f"{known.phrase}, {match[1]} % are below"


def _who(declared: Subscribers) -> str:
    parts = [words.many(declared.count, "client")]
    if declared.latency_ns:
        parts.append(f"{words.exact_duration(declared.latency_ns)} away from the server")
    if declared.drain.mean_ns:
        parts.append(f"{_mean(declared.drain)} to handle an event on average")
    if declared.online is not None:
        up, down = _mean(declared.online.up), _mean(declared.online.down)
        parts.append(f"online for {up} and offline for {down} on average")
    return ", ".join(parts)


def _mean(law: Distribution) -> str:
    """The mean of a law that somebody decided: four digits, for a mean can have many."""
    return words.duration(law.mean_ns, 4)


def _estimate(check: Check, target: str, group: str, metric: str) -> Estimate | None:
    for estimate in check.estimates:
        if (estimate.target, estimate.group, estimate.metric) == (target, group, metric):
            return estimate
    return None


def _summary(check: Check, run: Run, story: Story, group: str) -> str:
    counts = story.counts(group)
    sent = sum(counts.values())
    where = f"On {story.target}, seed {story.seed}"
    if not sent:
        return f"{where}: no event was sent while anybody of this group was connected."
    arrived = counts["received"] / sent
    if check.scenario.intent.kind == "state":
        return f"{where}: {_outdated(run, group)}{_arrive(arrived)}{_over_runs(check, run, group)}"
    late = sum(person.late for person in story.members(group)) / sent
    limit = story.scenario.intent.useful_for_ns
    text = f"{where}: of 100 events {words.of_hundred(arrived)} arrive"
    if limit is not None:
        old = f"after more than the {words.exact_duration(limit)} they are useful for"
        text += f" ({words.of_hundred(late)} of them {old})" if late else ", none of them too late"
    causes = [
        f"{words.of_hundred(counts[look.name] / sent)} {look.label}"
        for look in MISSED
        if counts[look.name]
    ]
    missed = sum(counts[look.name] for look in MISSED) / sent
    text += f"; {words.of_hundred(missed)} are missed" if missed else "; none is missed"
    if len(causes) == 1:
        text += f", all {causes[0].split(' ', 1)[1]}" if missed else ""
    elif causes:
        text += f": {words.listing(causes)}"
    if counts[UNFINISHED.name]:
        share = words.of_hundred(counts[UNFINISHED.name] / sent)
        text += f"; {share} were still on their way at the end"
    return text + "." + _over_runs(check, run, group)


def _outdated(run: Run, group: str) -> str:
    outdated = run.metrics.value("outdated_fraction", group)
    if not outdated:
        return "what is on screen is never outdated."
    longest = metric_text("outdated_max_s", run.metrics.value("outdated_max_s", group))
    return (
        f"what is on screen is outdated {words.share(outdated)} of the time; at worst it has "
        f"been outdated for {longest}."
    )


def _arrive(arrived: float) -> str:
    if arrived == 1:
        return " All events arrive."
    said = words.of_hundred(arrived)
    return f" Of 100 events {said} arrive; one that a newer one has replaced is no loss."


def _over_runs(check: Check, run: Run, group: str) -> str:
    state = check.scenario.intent.kind == "state"
    metric = "outdated_fraction" if state else "missed_fraction"
    found = _estimate(check, run.target, group, metric)
    if found is None or found.value is None or found.runs < 2:
        return ""
    span = ""
    if found.low is not None and found.high is not None and found.named:
        span = f" (95 % interval {words.share(found.low)} to {words.share(found.high)})"
    if state:
        said = words.share(found.value)
        return f" Over {found.runs} runs it is outdated {said} of the time{span}."
    return f" Over {found.runs} runs {words.share_and_odds(found.value)} are missed{span}."


def _lines(runs: Sequence[Run], stories: Sequence[Story], group: str) -> tuple[Line, ...]:
    def measured(label: str, read: Callable[[Run], str]) -> Line:
        return Line(label, tuple(read(run) for run in runs))

    def told(label: str, read: Callable[[Story], str]) -> Line:
        return Line(label, tuple(read(story) for story in stories))

    def figure(metric: str) -> Callable[[Run], str]:
        return lambda run: metric_text(metric, run.metrics.value(metric, group))

    def spread(metric: str) -> Callable[[Run], str]:
        return lambda run: " / ".join(
            metric_text(metric, run.metrics.quantile(metric, group, p)) for p in (0.5, 0.9, 1.0)
        )

    state = runs[0].scenario.intent.kind == "state"
    share = "Time in which what is on screen is outdated"
    outdated = measured("For how long it has been outdated: half / 90 % / all of the time below",
                        spread("outdated_s"))  # fmt: skip
    lines = [
        *((measured(share, figure("outdated_fraction")), outdated) if state else ()),
        told("Events sent to it", lambda story: words.count(_sent(story, group))),
        told("Never arrived; replaced by a newer one is no loss" if state else "Missed",
             lambda story: _missed(story, group)),
        measured("Delay until it arrives: half / 90 % / all are below", spread("latency_s")),
        measured(f"{words.capital(metric_label('staleness_s').removesuffix(', average'))}: "
                 "half / 90 % / all of the time below", spread("staleness_s")),
        *(() if state else (outdated,)),
        *(() if state else (measured("Most events missed in a row", figure("gap_messages")),)),
        measured("Longest time without hearing of an event that had been sent", figure("blind_s")),
        told("Came by replay / came twice", lambda story: _replays(story, group)),
        measured("Broken connections", figure("outages")),
        measured("A reconnect: half / 90 % / all take less", spread("reconnect_s")),
        measured("… until current again: half / 90 % / all take less", spread("recovery_s")),
        told("A restart, for those that it cut off", lambda story: _restart(story, group)),
    ]  # fmt: skip
    return tuple(line for line in lines if any(_says(cell) for cell in line.cells))


def _says(cell: str) -> bool:
    return bool(cell.strip(f"{words.NOTHING}/ "))


def _sent(story: Story, group: str) -> int:
    return sum(story.counts(group).values())


def _missed(story: Story, group: str) -> str:
    sent = _sent(story, group)
    missed = sum(person.missed for person in story.members(group))
    if not sent:
        return words.NOTHING
    return f"{words.count(missed)}: {words.share_and_odds(missed / sent)}" if missed else "0"


def _replays(story: Story, group: str) -> str:
    members = story.members(group)
    replayed = sum(person.replayed for person in members)
    twice = sum(person.duplicates for person in members)
    return f"{words.count(replayed)} / {words.count(twice)}"


def _restart(story: Story, group: str) -> str:
    if not story.restarts:
        return words.NOTHING
    lost = story.counts(group)["restart"]
    parts = []
    for restart in story.restarts:
        ended = restart.lost.get(group, 0)
        back = restart.back.get(group, [])
        if not ended:
            continue
        if len(back) < ended:
            parts.append(f"{words.count(ended - len(back))} of {words.count(ended)} never back")
        else:
            parts.append(f"all back within {words.duration(max(back) - restart.t_ns)}")
    text = "; ".join(dict.fromkeys(parts)) or "nobody was connected"
    return f"{text}; {words.many(lost, 'event')} lost on the way" if lost else text


def _numbers(run: Run, story: Story, group: str, declared: Subscribers) -> tuple[str, ...]:
    """Per day, per reconnect and per tunnel: arithmetic from what was measured and decided."""
    length_s = story.duration_ns / NS_PER_S
    members = story.members(group)
    sent = sum(person.sent for person in members)
    if not story.send_ns or not sent or not length_s:
        return ()
    pace = len(story.send_ns) / length_s
    per_day = pace * DAY_S
    missed = sum(person.missed for person in members) / sent
    state = run.scenario.intent.kind == "state"
    outdated = run.metrics.value("outdated_fraction", group) or 0.0
    much = f"At this pace ({_pace(pace)}), with as much going wrong as here, one client"
    well = f"At this pace ({_pace(pace)}) one client"
    if state and outdated:
        a_day = words.seconds(outdated * DAY_S)
        lines = [f"{much} shows an outdated value for about {a_day} a day."]
    elif state:
        lines = [f"{well} always shows the newest value, as long as nothing worse happens."]
    elif missed:
        of = f"{words.rounded(missed * per_day)} of {words.rounded(per_day)}"
        lines = [f"{much} misses about {of} events a day."]
    else:
        of = words.rounded(per_day)
        lines = [f"{well} gets all of about {of} events a day, as long as nothing worse happens."]
    each = _per_reconnect(run, group)
    lines += [each] if each else []
    wait_s = _mean_wait_s(story, declared)
    meanwhile = pace * (TUNNEL_S + wait_s)
    back = _replayable(story, pace)
    if state:
        rest = (
            "replay brings the newest, and the screen is right again"
            if back >= 1
            else "replay brings none for sure: the screen can stay outdated until the next event"
        )
    elif not back:
        rest = "there is no replay, so all of them are missed"
    elif back >= meanwhile:
        rest = "replay can bring them all back"
    else:
        rest = f"replay brings back at most {words.rounded(back)} of them, the others are missed"
    lines.append(
        f"A tunnel of {words.seconds(TUNNEL_S)}, and {words.seconds(wait_s)} until the client "
        f"tries again: about {words.rounded(meanwhile)} events are sent meanwhile; {rest}."
    )
    return tuple(lines)


def _per_reconnect(run: Run, group: str) -> str:
    """What one broken connection cost on average; empty where none was made again."""

    def found(metric: str) -> float:
        return run.metrics.value(metric, group) or 0.0

    outages, back_s = found("outages"), run.metrics.value("recovery_s", group)
    if not outages or back_s is None:
        return ""
    gap = sum(found(f"missed_{cause}") for cause in ("offline", "connection_lost", "restart"))
    lost = f"misses about {words.number(gap / outages)} events" if gap else "misses nothing"
    twice = found("duplicates") / outages
    again = f"gets about {words.number(twice)} again" if twice else "gets none twice"
    if run.scenario.intent.kind == "state":
        return (
            f"A reconnect here, on average: the client {again}, and shows the newest value again "
            f"{words.seconds(back_s)} after the connection ended."
        )
    return (
        f"A reconnect here, on average: the client {lost} by it, {again}, and is current again "
        f"{words.seconds(back_s)} after the connection ended."
    )


def _pace(per_s: float) -> str:
    rate, unit = per_s * 3600, "an hour"
    if per_s >= 1:
        rate, unit = per_s, "a second"
    elif per_s * 60 >= 1:
        rate, unit = per_s * 60, "a minute"
    number = words.rounded(rate)
    return f"{number} {'event' if number == '1' else 'events'} {unit}"


def _mean_wait_s(story: Story, declared: Subscribers) -> float:
    """Mean time from the network's return to the next attempt (CLI-1)."""
    if declared.reconnect == "at-once":
        return 0.0
    spread = story.scenario.server.retry_spread_ns
    after = sum(spread) / 2 if spread is not None else float(declared.reconnect.after_ns)
    return (after + declared.reconnect.jitter_ns / 2) / NS_PER_S


def _replayable(story: Story, pace: float) -> float:
    """The most events that a replay can bring (REP-2, TTL-2, HIS-1)."""
    feature = story.scenario.feature
    replay, options = feature.stream.replay, feature.options
    if replay.last_n == 0 or (replay.last_n is None and replay.max_age_ns is None):
        return 0.0
    limits = [float(options.buffer_size)]
    if replay.last_n is not None:
        limits.append(float(replay.last_n))
    limits += [
        pace * age / NS_PER_S
        for age in (replay.max_age_ns, options.message_ttl_ns)
        if age is not None
    ]
    return min(limits)
