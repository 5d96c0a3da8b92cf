"""What a check's page may say in numbers: patterns of sentences, and the fact that each tells."""

from __future__ import annotations

import re

from simrt import text as words
from simrt.report.palette import MISSED, OUTCOMES, UNFINISHED
from simrt.scenario.metric_names import METRICS
from tests.properties.facts import LENGTH, NAME, NUMBER, OF_100, SHARE, Facts, Figure, Rule

# --- the verdict ----------------------------------------------------------------------------------


def _missed(facts: Facts, found: re.Match[str], _: str) -> bool:
    most, whose = facts.worst("missed_fraction")
    return found[1] in whose and found[2] == words.share(most)


def _outdated(facts: Facts, found: re.Match[str], _: str) -> bool:
    most, whose = facts.worst("outdated_fraction")
    longest = facts.mean("p99(outdated_s)", found[1])
    so = found[1] in whose and found[2] == words.share(most)
    return so and (found[3] is None or found[3] == words.seconds(longest or 0.0))


def _younger(facts: Facts, found: re.Match[str], _: str) -> bool:
    return found[1] == words.seconds(facts.worst("p90(staleness_s)")[0])


def _no_stale_replay(facts: Facts, found: re.Match[str], _: str) -> bool:
    useful = facts.check.scenario.intent.useful_for_ns
    none = not facts.mean("resurfaced", "all")
    return useful is not None and none and found[1] == words.exact_duration(useful)


def _stale_replays(facts: Facts, found: re.Match[str], _: str) -> bool:
    useful, number = facts.check.scenario.intent.useful_for_ns, facts.mean("resurfaced", "all")
    so = useful is not None and found[2] == words.exact_duration(useful)
    return so and bool(number) and found[1] == words.number(number or 0.0)


def _named(facts: Facts, found: re.Match[str], *, share: bool) -> Figure:
    """The figure that a line of `expect` is about, over all runs."""
    group = "all" if found["whose"] == "everyone" else found["whose"]
    (metric,) = [
        name
        for name, one in METRICS.items()
        if one.phrase == found["phrase"] and (one.unit == "fraction") == share
    ]
    figure = f"p{found['percent']}({metric})" if found["percent"] else metric
    return facts.csv["sim", group, figure]


def _no_value(facts: Facts, found: re.Match[str], _: str) -> bool:
    phrase, percent = found["phrase"], found["percent"]
    group = "all" if found["whose"] == "everyone" else found["whose"]
    names = [name for name, one in METRICS.items() if one.phrase == phrase]
    figures = [f"p{percent}({name})" if percent else name for name in names]
    return any(facts.csv["sim", group, figure].runs == 0 for figure in figures)


def _line(facts: Facts, found: re.Match[str], _: str) -> bool:
    """A line of `expect`: figure, its whole, its interval, from `metrics.csv`."""
    mean = _named(facts, found, share="%" in found["value"])
    digits = [
        n for n in range(2, 18)
        if mean.value is not None and words.measured(mean.value, mean.unit, n) == found["value"]
    ]  # fmt: skip
    if not digits:
        return False
    if found["low"] and (mean.low is None or mean.high is None):
        return False
    if found["low"]:
        ends = [words.measured(one or 0.0, mean.unit, digits[0]) for one in (mean.low, mean.high)]
        # What is open at the end makes the limits that judge wider than those of the table.
        open_ = any(run.value("unfinished") for run in facts.check.measured["sim"])
        usual = found["name"] == "95 % interval " and not open_
        if usual and ends != [found["low"], found["high"]]:
            return False
    group = "all" if found["whose"] == "everyone" else found["whose"]
    total = sum(run.value("sent", group) or 0 for run in facts.check.measured["sim"])
    return found["of"] is None or found["of"] == words.count(int(total))


_UNIT = r"(?:%|µs|ms|s|min|h|days?|B|KiB|requests/s)"
_VALUE = rf"(?:(?:less than |more than )?-?\d[\d,]*(?<!,)(?:\.\d+)? ?{_UNIT}?)"
_ASKED = r"(?:allowed less than|allowed|asked for more than|asked for at least|asked for exactly)"
_WHOSE = (
    r"(?:not wanted: )?(?P<whose>[\w-]+): (?P<phrase>[a-z][a-z ,]*?)"
    r"(?:, (?P<percent>[\d.]+) % point)?"
)
LINE = Rule(
    rf"{_WHOSE}"
    rf" (?P<value>{_VALUE})(?: of (?P<of>[\d,]+)| of the time)?(?: \(1 in [\d,.]+\))?,"
    rf" {_ASKED} (?P<bound>{_VALUE}) \((?:the same in all [\d,]+(?: of [\d,]+)? runs"
    rf"|one run(?: of \d+)?|(?P<name>95 % interval |interval of more than 95 %: |)"
    rf"(?:(?P<low>{_VALUE}) to (?P<high>{_VALUE}|any number)(?: by|,) )?[\d,]+(?: of [\d,]+)? runs"
    r"(?:, too few for an interval of 95 %)?)\)",
    _line,
)


def _seed(facts: Facts, found: re.Match[str], _: str) -> bool:
    return int(found[1]) in facts.check.seeds["sim"]


def _held_elsewhere(*_: object) -> bool:
    """By tests/metrics/test_expectations.py, each of these."""
    return True


# What stands beside a line of `expect`.
BESIDE = [
    Rule(rf"in (?:every run|\d+ % of runs) (?:not \()?{_WHOSE}, {_ASKED} {_VALUE}",
         _held_elsewhere),
    Rule(rf"refuted by the run with seed (\d+): {_VALUE}(?:, and by \d+ more of \d+ runs)?", _seed),
    Rule(r"not so in the run with seed (\d+), (?:nor in \d+ more of \d+ runs|of \d+ in all)",
         _seed),
    Rule(r"[\d,]+ further runs? (?:is|are) needed \([\d,]+ in all\)", _held_elsewhere),
    Rule(r"[\d,]+(?: to [\d,]+)? further runs? may decide it", _held_elsewhere),
    Rule(r"at least [\d,]+ further runs?, perhaps more than 10,000, may decide it",
         _held_elsewhere),
    Rule(r"too near the bound for 10,000 runs", _held_elsewhere),
    Rule(r"was not seen in \d+ runs; it can still happen in up to [\d.]+ % of runs",
         _held_elsewhere),
    Rule(r"[\d,]+ events? still on the way when the runs? ended"
         rf"(?:: {_VALUE} to (?:{_VALUE}|any number), whatever becomes of them)?", _held_elsewhere),
    Rule(rf"{_WHOSE}: no value in (?:one run|\d+ runs)", _no_value),
    Rule(r": so in (?:the one run|all \d+ runs|\d+ of \d+ runs?(?:, and \d+ cannot be told)?"
         rf"(?:, so in {SHARE[1:-1]} to {SHARE[1:-1]} of all runs)?)", _held_elsewhere),
    Rule(r": cannot be told of \d+ of (?:one run|\d+ runs?)", _held_elsewhere),
]  # fmt: skip


def _more(facts: Facts, found: re.Match[str], _: str) -> bool:
    return int(found[1]) == len(facts.verdicts["deciding"]) - 1


def _acted(facts: Facts, found: re.Match[str], _: str) -> bool:
    return (
        dict(re.findall(r"(\w+): ([^;]+?)(?:;|\.|$)", found[1]))
        == facts.verdicts["settings"]["sim"]
    )


ACTED = Rule(r"How often each acted on sim: ((?:\w+: [^;.]+(?:; )?){5})\.?", _acted)


def _promises(facts: Facts, found: re.Match[str], _: str) -> bool:
    feature = facts.check.scenario.feature
    due = [words.count(feature.stream.replay.last_n or 0), words.count(feature.options.buffer_size)]
    return [found[1], found[2]] == due


VERDICT = [
    Rule(rf"counts on {NUMBER} events of replay, but the buffer keeps {NUMBER}", _promises),
    Rule(rf"lastN {NUMBER} promises more than bufferSize {NUMBER} keeps", _promises),
    LINE,
    *BESIDE,
    ACTED,
    Rule(rf"Members of {NAME} miss {SHARE} of events", _missed),
    Rule(
        rf"Members of {NAME} see an outdated value {SHARE} of the time"
        rf"(?:; for 99 % of the time it has been outdated for less than {LENGTH})?",
        _outdated,
    ),
    Rule(rf"is younger than {LENGTH} for 90 % of the time", _younger),
    Rule(rf"no replay brought news older than {LENGTH}", _no_stale_replay),
    Rule(rf"replays brought {NUMBER} events older than {LENGTH}", _stale_replays),
    Rule(r"(\d+) more findings stand below", _more),
]


# --- what users experience ------------------------------------------------------------------------


def _shares(facts: Facts, group: str) -> dict[str, str]:
    """Each outcome of the first run, of 100 events, by its label."""
    counts = facts.one.outcomes(group)
    sent = sum(counts.values())
    return {look.label: words.of_hundred(counts[look.name] / sent) for look in OUTCOMES}


def _arrive(facts: Facts, found: re.Match[str], group: str) -> bool:
    return found[1] == _shares(facts, group)["arrived"]


def _late(facts: Facts, found: re.Match[str], group: str) -> bool:
    useful = facts.check.scenario.intent.useful_for_ns
    return useful is not None and found[2] == words.exact_duration(useful)


def _are_missed(facts: Facts, found: re.Match[str], group: str) -> bool:
    share = facts.one.value("missed_fraction", group) or 0.0
    return found[1] == words.of_hundred(share)


def _cause(facts: Facts, found: re.Match[str], group: str) -> bool:
    return found[1] == _shares(facts, group)[found[2]]


def _still(facts: Facts, found: re.Match[str], group: str) -> bool:
    return found[1] == _shares(facts, group)[UNFINISHED.label]


def _over_runs(facts: Facts, found: re.Match[str], group: str) -> bool:
    metric = "outdated_fraction" if facts.state else "missed_fraction"
    mean = facts.csv["sim", group, metric]
    said = (
        words.share(mean.value or 0.0) if facts.state else words.share_and_odds(mean.value or 0.0)
    )
    ends = [None if one is None else words.share(one) for one in (mean.low, mean.high)]
    interval = found["low"] is None or [found["low"], found["high"]] == ends
    return int(found["runs"]) == mean.runs and said == found["said"] and interval


def _is_outdated(facts: Facts, found: re.Match[str], group: str) -> bool:
    share = words.share(facts.one.value("outdated_fraction", group) or 0.0)
    return [found[1], found[2]] == [share, facts.worded("outdated_max_s", group)]


def _recovers(facts: Facts, found: re.Match[str], group: str) -> bool:
    return found[1] == facts.worded("recovery_s", group)


def _again(facts: Facts, found: re.Match[str], group: str) -> bool:
    return found[1] == words.number(facts.one.value("duplicates_per_outage", group) or 0.0)


def _loses(facts: Facts, found: re.Match[str], group: str) -> bool:
    value = [facts.one.value(f"missed_{one}", group) or 0.0
             for one in ("offline", "connection_lost", "restart")]  # fmt: skip
    return found[1] == words.number(sum(value) / (facts.one.value("outages", group) or 1.0))


def _who(facts: Facts, found: re.Match[str], _: str) -> bool:
    """What the file says of a group, as it stands there."""
    group = facts.check.scenario.workload.subscribers[found[1]]
    laws = [group.drain] if group.drain.mean_ns else []
    laws += [group.online.up, group.online.down] if group.online is not None else []
    due = [words.count(group.count)]
    due += [words.exact_duration(group.latency_ns)] if group.latency_ns else []
    due += [words.duration(law.mean_ns, 4) for law in laws]
    lengths = re.findall(LENGTH, found[3])
    return [found[2], *lengths] == due


_LABELS = "|".join(re.escape(look.label) for look in (*MISSED, UNFINISHED))
EXPERIENCE = [
    Rule(r"^([\w-]+) \(([\d,]+) clients?(?=[,)])(.*)\)$", _who),
    Rule(rf"Over (?P<runs>\d+) runs (?:it is outdated )?(?P<said>{SHARE[1:-1]})"
         r"(?: of the time| are missed)"
         rf"(?: \(95 % interval (?P<low>{SHARE[1:-1]}) to (?P<high>{SHARE[1:-1]})\))?", _over_runs),
    Rule(rf"outdated {SHARE} of the time; at worst it has been outdated for {LENGTH}",
         _is_outdated),
    Rule(rf"[Oo]f 100 events {OF_100} arrive", _arrive),
    Rule(rf"\({OF_100} of them after more than the {LENGTH} they are useful for\)", _late),
    Rule(rf"{OF_100} are missed", _are_missed),
    Rule(rf"{OF_100} were still on their way", _still),
    Rule(rf"{OF_100} ({_LABELS})", _cause),
    Rule(r"On sim, seed (\d+)", _seed),
    # --- in your numbers: arithmetic, from the figures of the run
    Rule(rf"shows the newest value again {LENGTH} after the connection ended", _recovers),
    Rule(rf"is current again {LENGTH} after the connection ended", _recovers),
    Rule(rf"gets about {NUMBER} again", _again),
    Rule(rf"misses about {NUMBER} events by it", _loses),
]  # fmt: skip


def cells(facts: Facts, group: str) -> dict[str, str]:
    """What the table of a group says, by the beginning of its label: of the first run."""
    one = facts.one
    counts = one.outcomes(group)
    sent, missed = sum(counts.values()), int(one.value("missed", group) or 0)
    share = words.share_and_odds(missed / sent) if sent else ""
    lost = "Never arrived" if facts.state else "Missed"
    by_replay = one.totals(group).replay_latencies
    return {
        "Time in which what is on screen is outdated": facts.worded("outdated_fraction", group),
        "For how long it has been outdated": facts.spread("outdated_s", group),
        "Events sent to it": words.count(sent),
        lost: (f"{words.count(missed)}: {share}" if missed else "0") if sent else words.NOTHING,
        "Delay until it arrives": facts.spread("latency_s", group),
        "Age of what is on screen": facts.spread("staleness_s", group),
        "Most events missed in a row": facts.worded("gap_messages", group),
        "Longest time without hearing": facts.worded("blind_s", group),
        "Came by replay / came twice": " / ".join(
            words.count(int(n)) for n in (by_replay, one.value("duplicates", group) or 0)
        ),
        "Broken connections": facts.worded("outages", group),
        "A reconnect": facts.spread("reconnect_s", group),
        "… until current again": facts.spread("recovery_s", group),
    }


# --- figures --------------------------------------------------------------------------------------


def _share_of(facts: Facts, found: re.Match[str], _: str) -> bool:
    metric = "outdated_fraction" if facts.state else "missed_fraction"
    return found[1] == words.share_and_odds(facts.one.value(metric, found[2]) or 0.0)


def _reach(facts: Facts, found: re.Match[str], _: str) -> bool:
    return found[1] == _shares(facts, found[2])["arrived"]


def _main_cause(facts: Facts, found: re.Match[str], _: str) -> bool:
    return any(
        words.share_and_odds(counts[look.name] / sum(counts.values())) == found[2]
        for look in (*MISSED, UNFINISHED)
        for counts in map(facts.one.outcomes, facts.groups)
        if look.label == found[1] and any(counts.values())
    )


def _oldest(facts: Facts, found: re.Match[str], _: str) -> bool:
    ages = [facts.one.quantile("staleness_s", group, 1.0) for group in facts.groups]
    return found[1] == words.seconds(max(age for age in ages if age is not None))


def _state_outdated(facts: Facts, found: re.Match[str], _: str) -> bool:
    share, longest = (facts.worded(m, found[1]) for m in ("outdated_fraction", "outdated_max_s"))
    return [found[2], found[3]] == [share, longest]


def _ninety(facts: Facts, found: re.Match[str], _: str) -> bool:
    highs = [facts.one.quantile("live_latency_s", group, 0.9) for group in facts.groups]
    return found[1] == words.seconds(max(one for one in highs if one is not None))


def _useful(facts: Facts, found: re.Match[str], _: str) -> bool:
    useful = facts.check.scenario.intent.useful_for_ns
    return useful is not None and found[1] == words.exact_duration(useful)


def _buffer(facts: Facts, found: re.Match[str], _: str) -> bool:
    return found[1] == words.count(facts.check.scenario.feature.options.buffer_size)


def _pending(facts: Facts, found: re.Match[str], _: str) -> bool:
    return found[1] == words.count(int(facts.one.value("pending_max") or 0))


def _in_network(facts: Facts, found: re.Match[str], _: str) -> bool:
    people = facts.one.subscribers()
    return found[1] in {words.count(int(facts.one.value("in_flight_max", subscriber=one) or 0))
                        for one in people} | {"0"}  # fmt: skip


FINDINGS = [
    Rule(rf"{SHARE} of (?:the events|those) sent to {NAME}", _share_of),
    Rule(rf"Members of {NAME} see an outdated value {SHARE} of the time; at worst it has been "
         rf"outdated for {LENGTH}", _state_outdated),
    Rule(rf"{SHARE}(?: of the time)? for {NAME}(?=,| and |$|;)", _share_of),
    Rule(rf"Of 100 events {OF_100} reach {NAME}", _reach),
    Rule(rf"others: ({_LABELS}), {SHARE}", _main_cause),
    Rule(rf"see news up to {LENGTH} old", _oldest),
    Rule(rf"the {LENGTH} it is useful for", _useful),
    Rule(rf"9 of 10 live events (?:reach {NAME[1:-1]}|arrive) within {LENGTH}", _ninety),
    Rule(rf"At most {NUMBER} of [\d,]+ places in the buffer are used", _pending),
    Rule(rf"fills up: {NUMBER} wait in it", _buffer),
    Rule(rf"up to {NUMBER} (?:are )?in the network", _in_network),
    # Held against the table below the figure by `test_words`.
    Rule(r"In these .*", _held_elsewhere),
    Rule(r"Restart: .*", _held_elsewhere),
    # A subscriber's name.
    Rule(r"by [\w-]+/\d+|The buffer of [\w-]+/\d+", _held_elsewhere),
]  # fmt: skip
