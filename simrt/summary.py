"""The verdict in a sentence, in a product owner's words, with the number that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simrt.checkers.verdict import Status
from simrt.fit import Fit
from simrt.metrics import Estimate
from simrt.results import Item, finding
from simrt.scenario.model import Scenario
from simrt.text import exact_duration, listing, number, seconds, share

# (group, metric) -> the figure over all runs
_Figures = Mapping[tuple[str, str], float | None]

# metric -> what happened, in a product owner's words
_CAUSES = {
    "missed_dropped_oldest": "dropped from a full buffer",
    "missed_dropped_newest": "refused by a full buffer",
    "missed_expired": "expired while they waited",
    "missed_offline": "sent while they had no connection",
    "missed_connection_lost": "lost with a connection",
    "missed_restart": "lost in a restart",
}


def sentence_of(
    scenario: Scenario,
    status: Status,
    checklist: Sequence[Item],
    fit: Fit,
    fit_reason: str,
    figures: Sequence[Estimate],
) -> str:
    """The verdict in a sentence or three, and what keeps the fit undecided.

    Arguments:
        scenario: what was judged.
        status: the check's status.
        checklist: the six items.
        fit: the fit verdict.
        fit_reason: its reason.
        figures: the estimates, for the number that decides.
    """
    told = _experience(scenario, figures)
    if fit is Fit.UNDECIDED:
        told += f" Fit undecided. {fit_reason}"
    if status is Status.PASS and scenario.outcome is not None:
        broken = [v for item in checklist for v in item.deciding if v.status is Status.FAIL]
        why = f"{fit.capitalize()}: {fit_reason} " if fit in (Fit.WRONG, Fit.WEAK) else ""
        rest = "".join(f"{finding(one)} " for one in broken if one.sentence not in why)
        return f"Fails as declared. {rest}{why}{told}"
    if status is Status.PASS:
        lead = {Fit.UNDECIDED: "As intended", Fit.GOOD: "Good fit"}
        return f"{lead.get(fit) or f'{fit.capitalize()}: {fit_reason[:-1]}'}. {told}"
    if status is Status.FAIL and scenario.outcome is not None:
        failed = [v.check for item in checklist for v in item.verdicts if v.status is status]
        declared = listing(scenario.outcome.fail)
        found = listing(dict.fromkeys(failed)) or "nothing"
        return f"Not as declared: {declared} should fail and nothing else; {found} failed. {told}"
    said = dict.fromkeys(
        finding(one) for item in checklist if item.status is status for one in item.deciding
    )
    first, *more = said or ("Nothing says why.",)
    others = {0: "", 1: " One more finding stands below."}.get(
        len(more), f" {len(more)} more findings stand below."
    )
    begin = "Not as intended" if status is Status.FAIL else "Not decided yet"
    return f"{begin}. {first}{others} {told}"


def _experience(scenario: Scenario, figures: Sequence[Estimate]) -> str:
    """What the group that fares worst experiences."""
    target = "sim" if any(figure.target == "sim" for figure in figures) else "server"
    of = {(f.group, f.metric): f.value for f in figures if f.target == target}
    sentence = _state(scenario, of) if scenario.intent.kind == "state" else _events(scenario, of)
    if not sentence:
        return "No subscriber was there to miss anything."
    if scenario.intent.useful_for_ns is not None:
        useful = exact_duration(scenario.intent.useful_for_ns)
        stale = of.get(("all", "resurfaced")) or 0
        sentence += (
            f"; no replay brought news older than {useful}"
            if not stale
            else f"; replays brought {number(stale)} events older than {useful}"
        )
    return f"{sentence}."


def _state(scenario: Scenario, of: _Figures) -> str:
    """Of a state: how long what is on screen is outdated. A value that was replaced is no loss."""
    shares = [(of.get((name, "outdated_fraction")), name) for name in scenario.workload.subscribers]
    known = [(outdated, group) for outdated, group in shares if outdated is not None]
    if not known:
        return ""
    outdated, group = max(known)
    if not outdated:
        return "Nobody sees an outdated value"
    sentence = f"Members of {group} see an outdated value {share(outdated)} of the time"
    longest = of.get((group, "p99(outdated_s)"))
    if longest:
        sentence += f"; for 99 % of the time it has been outdated for less than {seconds(longest)}"
    return sentence


def _events(scenario: Scenario, of: _Figures) -> str:
    """Of events that each count: how many are missed, why, and how old the newest is."""
    groups = [
        (of.get((group, "missed_fraction")), group) for group in scenario.workload.subscribers
    ]
    known = [(missed, group) for missed, group in groups if missed is not None]
    if not known:
        return ""
    missed, group = max(known)
    sentence = (
        f"Members of {group} miss {share(missed)} of events" if missed else "Nobody misses an event"
    )
    causes = {name: of.get((group, name)) or 0.0 for name in _CAUSES}
    main = max(causes, key=lambda name: causes[name])
    if missed and 2 * causes[main] > sum(causes.values()):
        sentence += f", most of them {_CAUSES[main]}"
    ages = [of.get((name, "p90(staleness_s)")) for name in scenario.workload.subscribers]
    seen = [age for age in ages if age is not None]
    if seen:
        young = f"is younger than {seconds(max(seen))} for 90 % of the time"
        sentence += f"; what is on screen, also while nothing is sent, {young}"
    return sentence
