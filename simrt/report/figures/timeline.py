"""The timeline: what was sent, and what became of it for each shown subscriber."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simrt import text as words
from simrt.report.figures.canvas import Figure, Table, inline_svg, settings
from simrt.report.figures.lanes import BINS, Window, draw_lanes
from simrt.report.lane import Lane
from simrt.report.palette import AWAY, MISSED, SILENCE, UNFINISHED
from simrt.report.story import CODES, MISSED_CODES, NOT_MEMBER, Story, in_faults, overlap_ns

# More marks than this in one drawing are no longer marks but a grey wall: then shares are drawn.
MAX_MARKS = 900
# How many marks the closer look holds, roughly.
CLOSE_MARKS = 330


def timeline(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Figure, ...]:
    """One timeline a story, on one time axis.

    Arguments:
        stories: one a target.
        lanes: for each story its followed lanes.
    """
    window = Window(0, max(story.duration_ns for story in stories))
    many = is_aggregated(stories, lanes)
    with settings():
        drawn = tuple(
            _timeline(story, shown, window, many)
            for story, shown in zip(stories, lanes, strict=True)
        )
    return _explained(drawn, _how(drawn, lanes, window, many))


def is_aggregated(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> bool:
    """Whether there are too many events for single marks, on any target: all are drawn one way."""
    return any(
        len(story.send_ns) + sum(len(lane.receipts) + lane.person.missed for lane in shown)
        > MAX_MARKS
        for story, shown in zip(stories, lanes, strict=True)
    )


def _timeline(story: Story, lanes: Sequence[Lane], window: Window, many: bool) -> Figure:
    canvas = draw_lanes(story, lanes, window, many)
    alt = _alt(story, lanes)
    return Figure(
        key="timeline",
        target=story.target,
        finding=_finding(story),
        how="",
        note=_note(story, lanes),
        alt=alt,
        svg=inline_svg(canvas, f"timeline-{story.target}", f"Timeline on {story.target}", alt),
        table=_table(story, lanes),
    )


def closeup(stories: Sequence[Story], lanes: Sequence[Sequence[Lane]]) -> tuple[Figure, ...]:
    """A short stretch with single marks, where the worst begins; none where the timeline has them.

    The same stretch on all targets: the one of the first target that missed anything.
    """
    if not is_aggregated(stories, lanes):
        return ()
    windows = [_worst_window(story, shown) for story, shown in zip(stories, lanes, strict=True)]
    found = [(w, story.target) for w, story in zip(windows, stories, strict=True) if w is not None]
    if not found:
        return ()
    window, where = found[0]
    with settings():
        drawn = tuple(
            _closeup(story, shown, window) for story, shown in zip(stories, lanes, strict=True)
        )
    how = (
        f"The {_span(window)}, where the longest row of events that never arrived, of the clients "
        f"shown for {where}, begins, event by event. {_how(drawn, lanes, window, aggregated=False)}"
    )
    return _explained(drawn, how)


def _worst_window(story: Story, lanes: Sequence[Lane]) -> Window | None:
    """A stretch with about CLOSE_MARKS marks, around the beginning of the worst run of misses."""
    import numpy as np

    sends = np.array(story.send_ns, dtype=np.int64)
    lost = np.zeros(len(sends), dtype=np.int64)
    for lane in lanes:
        lost += np.isin(np.frombuffer(lane.person.outcomes, dtype=np.uint8), MISSED_CODES)
    hit = np.flatnonzero(lost)
    if not hit.size:
        return None
    width = max(2, CLOSE_MARKS // (1 + len(lanes)))
    runs = np.split(hit, np.flatnonzero(np.diff(hit) > width // 4) + 1)
    worst = max(runs, key=lambda run: int(lost[run].sum()))
    first = max(0, int(worst[0]) - width // 3)
    last = min(len(sends) - 1, first + width - 1)
    return Window(int(sends[first]), max(int(sends[last]), int(sends[first]) + 1_000_000))


def _span(window: Window) -> str:
    length, start = words.seconds(window.length_s), words.clock_time(window.start_ns)
    return f"{length} from {start} after the start"


def _closeup(story: Story, lanes: Sequence[Lane], window: Window) -> Figure:
    canvas = draw_lanes(story, lanes, window, aggregated=False)
    rows = []
    for lane in lanes:
        codes = [
            code
            for code, sent in zip(lane.person.outcomes, story.send_ns, strict=True)
            if window.holds(sent)
        ]
        arrived = codes.count(CODES["received"])
        missed = sum(codes.count(code) for code in MISSED_CODES)
        sent = len(codes) - codes.count(NOT_MEMBER)
        rows.append((lane.person.name, sent, arrived, missed))
    name, sent, _, missed = max(rows, key=lambda row: (row[3], -row[1]))
    state = _is_state(story)
    lost = "never arrived" if state else "missed"
    finding = f"In these {words.seconds(window.length_s)} "
    if not missed:
        finding += "all events reach all shown" if state else "nobody shown misses an event"
    elif state:
        finding += f"{words.count(missed)} of {words.many(sent, 'event')} never reach {name}"
    else:
        finding += f"{name} misses {words.count(missed)} of {words.many(sent, 'event')}"
    alt = f"The {_span(window)}: " + " ".join(
        f"{name}: {arrived} of {sent} events arrived, {missed} {lost}."
        for name, sent, arrived, missed in rows
    )
    return Figure(
        key="closeup",
        target=story.target,
        finding=finding,
        how="",
        note="",
        alt=alt,
        svg=inline_svg(canvas, f"closeup-{story.target}", f"Closer look on {story.target}", alt),
        table=(
            ("subscriber", "events sent in it", "arrived", lost),
            tuple((name, *(words.count(number) for number in rest)) for name, *rest in rows),
        ),
    )


def missed_fraction(story: Story, group: str) -> float | None:
    """The share of its events that a group missed in this run."""
    members = story.members(group)
    sent = sum(person.sent for person in members)
    return sum(person.missed for person in members) / sent if sent else None


def _finding(story: Story) -> str:
    if not story.send_ns:
        return "Nothing was sent"
    state = _is_state(story)
    share_of = _outdated_fraction if state else missed_fraction
    shares = [(group, share_of(story, group)) for group in story.groups]
    known = [(group, share) for group, share in shares if share is not None]
    if not known:
        return "Nobody was connected while events were sent"
    if not any(share for _, share in known):
        return "Nobody sees an outdated value" if state else "Nobody misses an event"
    ranked = sorted(known, key=lambda pair: -pair[1])[:3]
    # No verb goes with the name of a group: `office` and `admins` read equally well.
    shown = [pair for pair in known if pair in ranked]
    parts = [
        _part(group, words.share_and_odds(share) if share else "none", place, state=state)
        for place, (group, share) in enumerate(shown)
    ]
    others = words.many(len(known) - 3, "group")
    more = f"; no larger share {'for' if state else 'of those sent to'} {others}"
    begin = "Outdated" if state else "Missed"
    return f"{begin}: {words.listing(parts)}{more if len(known) > 3 else ''}"


def _part(group: str, said: str, place: int, *, state: bool) -> str:
    if state:
        return f"{said}{'' if place else ' of the time'} for {group}"
    return f"{said} of {'those' if place else 'the events'} sent to {group}"


def _outdated_fraction(story: Story, group: str) -> float | None:
    """The share of time in which what the group sees is outdated."""
    return story.metrics.value("outdated_fraction", group)


def _where(story: Story) -> str:
    inside = missed = 0
    for group in story.groups:
        within, lost = in_faults(story, group)
        inside, missed = inside + within, missed + lost
    if not missed or not story.zones:
        return ""
    which = "events that never arrived" if _is_state(story) else "missed events"
    return (
        f"{words.share_and_odds(inside / missed)} of the {which} were sent in a fault, or "
        "before the clients that it cut off were back. "
    )


def _is_state(story: Story) -> bool:
    """Whether an event that a newer one has replaced is no loss."""
    return story.scenario.intent.kind == "state"


def _explained(drawn: tuple[Figure, ...], how: str) -> tuple[Figure, ...]:
    return tuple(replace(figure, how=how) for figure in drawn)


def _how(
    drawn: Sequence[Figure], lanes: Sequence[Sequence[Lane]], window: Window, aggregated: bool
) -> str:
    """How to read what is drawn, on any target; what is not drawn is not explained."""
    missed = any(figure.draws(look) for figure in drawn for look in (*MISSED, UNFINISHED))
    replayed = any(
        by_replay and window.holds(t_ns)
        for shown in lanes
        for lane in shown
        for t_ns, _, by_replay in lane.receipts
    )
    if aggregated:
        stretch = words.seconds(window.length_s / BINS)
        shares = (
            f"There are too many events for single marks: each column is {stretch}, and its "
            "colours are the shares of what became of the events sent in it"
        )
        marks = [shares]
        marks += ["A mark names the cause of what did not arrive"] if missed else []
        marks += ["A ring stands where replay arrived"] if replayed else []
        marks += ["The top lane is the pace of sending"]
    else:
        dot = "A dot is an event at the moment it arrived, with a faint line from when it was sent"
        marks = [dot]
        cause = "One that did not arrive has the mark of its cause, at the moment it was sent"
        marks += [cause] if missed else []
        marks += ["A ring is an event that came by replay"] if replayed else []
    bands = ((AWAY, "Grey bands: without a connection"), (SILENCE, "Lilac bands: silence"))
    marks += [said for look, said in bands if any(figure.draws(look) for figure in drawn)]
    return "".join(f"{mark}. " for mark in marks).rstrip()


def _note(story: Story, lanes: Sequence[Lane]) -> str:
    hidden = len(story.people) - len(lanes)
    places = {lane.place for lane in lanes}
    if "best" in places:
        seen = "the one that missed most, the median and the one that missed least"
    else:
        seen = "the one that missed most"
    if _is_state(story):
        seen = seen.replace("missed most", "got the fewest").replace("missed least", "got the most")
    others = (
        f"{words.many(hidden, 'subscriber')} not shown; of each group you see {seen}. "
        if hidden
        else ""
    )
    short = "" if story.complete else "The record of this run was cut short. "
    return (_where(story) + others + short).strip()


def _alt(story: Story, lanes: Sequence[Lane]) -> str:
    parts = [f"{words.many(len(story.send_ns), 'event')} sent."]
    for lane in lanes:
        person = lane.person
        causes = [
            f"{number} {look.label}"
            for look in MISSED
            if (number := person.outcomes.count(CODES[look.name]))
        ]
        why = f" ({words.listing(causes)})" if causes else ""
        place = f", {lane.place} of its group" if lane.place else ""
        lost = f"missed {person.missed} of {person.sent}"
        if _is_state(story):
            lost = f"{person.missed} of {person.sent} never arrived"
        parts.append(f"{person.name}{place}: {lost}{why}.")
    parts += [
        f"Fault: {zone.kind} of {zone.whom or 'all'} from {_instant(zone.start_ns)} "
        f"to {_instant(zone.end_ns)}."
        for zone in story.zones
    ]
    return " ".join(parts)


def _instant(ns: int) -> str:
    """To the millisecond: two instants that two digits would make one are told apart."""
    return words.exact_s(round(ns, -6))


def _table(story: Story, lanes: Sequence[Lane]) -> Table:
    looks = [
        look
        for look in (*MISSED, UNFINISHED)
        if any(lane.person.outcomes.count(CODES[look.name]) for lane in lanes)
    ]
    head = ("subscriber", "events sent", "arrived", "by replay", "twice",
            *(look.label for look in looks), "without connection")  # fmt: skip
    rows = []
    for lane in lanes:
        person = lane.person
        name = f"{person.name} ({lane.place})" if lane.place else person.name
        numbers = (
            person.sent,
            person.outcomes.count(CODES["received"]),
            person.replayed,
            person.duplicates,
            *(person.outcomes.count(CODES[look.name]) for look in looks),
        )
        away = words.duration(overlap_ns(person.away, story.duration_ns))
        rows.append((name, *(words.count(number) for number in numbers), away))
    return head, tuple(rows)
