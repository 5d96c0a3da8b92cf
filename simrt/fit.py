"""Whether a lightweight channel is the right tool: four questions, and what else the file shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from simrt.checkers.verdict import Status, Verdict
from simrt.scenario.model import Scenario


class Fit(StrEnum):
    """The fit verdicts, from the one that says least to the best."""

    UNDECIDED = "undecided"
    WRONG = "wrong abstraction"
    WEAK = "weak fit"
    GOOD = "good fit"


@dataclass(frozen=True, slots=True)
class Need:
    """What a realtime channel does not give.

    Attributes:
        question: asks its owner whether it is needed.
        limit: what a channel does instead.
        instead: what to use where it is needed.
    """

    question: str
    limit: str
    instead: str


NEEDS = {
    "guaranteed-delivery": Need(
        "Must every event reach every recipient, however slow or absent?",
        "a slow or absent client misses events by design",
        "a queue with acknowledgements",
    ),
    "durable": Need(
        "Must events still be there after a restart or a deployment?",
        "a restart empties every channel",
        "a database, and a signal that it changed",
    ),
    "unbounded-replay": Need(
        "Must a new client get everything since some point, however long ago?",
        "the history holds the newest bufferSize events only",
        "an event log that clients read from a position",
    ),
    "cross-instance": Need(
        "Must several servers share the channel?",
        "two servers share nothing",
        "a message broker between the servers",
    ),
}
"""The four needs, by the name that a scenario writes."""

_NICE = ": nice-to-have"


def open_questions(scenario: Scenario) -> tuple[str, ...]:
    """The four questions where `needs` is not written; none where it is, be it as `[]`."""
    if "needs" in scenario.intent.model_fields_set:
        return ()
    return tuple(need.question for need in NEEDS.values())


def fit_of(scenario: Scenario, misuse: Sequence[Verdict] = ()) -> tuple[Fit, str]:
    """Whether lightweight channels are the right tool: the fit and its reason.

    Arguments:
        scenario: its intent and needs decide.
        misuse: the verdicts of the anti-pattern rules; a finding makes it a weak fit at best.

    Returns:
        The fit, and a sentence or more: the limit that it hits, or what has to be answered first.
    """
    questions = open_questions(scenario)
    if questions:
        return Fit.UNDECIDED, (
            f"Its owner has four questions to answer: {' '.join(questions)} "
            "Write under intent each need that is a yes, or needs: [] if none is."
        )
    must = [need for need in scenario.intent.needs if not need.endswith(_NICE)]
    if must:
        limit, instead = _limits(must)
        return Fit.WRONG, f"Its needs say {' and '.join(must)}, but {limit}: use {instead}."
    nice = [need.removesuffix(_NICE) for need in scenario.intent.needs]
    if nice:
        limit, instead = _limits(nice)
        return Fit.WEAK, (
            f"Its needs say {' and '.join(nice)} as nice to have, but {limit}: if that matters, "
            f"use {instead}."
        )
    size = scenario.feature.options.buffer_size
    wanted = scenario.feature.stream.replay.last_n
    if wanted is not None and wanted > size:
        return Fit.WEAK, (
            f"It counts on {wanted:,} events of replay, but the buffer keeps {size:,}: "
            f"raise bufferSize, or let the client fetch what is older."
        )
    found = [verdict.sentence for verdict in misuse if verdict.status is Status.FAIL]
    if found:
        return Fit.WEAK, " ".join(found)
    return Fit.GOOD, "Nothing that it needs is beyond lightweight channels."


def _limits(needs: Sequence[str]) -> tuple[str, str]:
    told = [NEEDS[need] for need in needs]
    return "; ".join(need.limit for need in told), "; ".join(need.instead for need in told)
