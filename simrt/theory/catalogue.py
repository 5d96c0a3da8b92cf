"""The formulas in a table: what each gives, where it comes from, and what of that was checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from simrt.theory import expiry, outages, queues, stages

KLEINROCK = "Kleinrock 1975, Queueing Systems vol. 1"
KAUL = "Kaul, Yates, Gruteser 2012, Real-time status: how often should one update?, INFOCOM"
COSTA = "Costa, Codreanu, Ephremides 2016, IEEE Trans. Inf. Theory 62(4)"
GROSS = "Gross, Shortle, Thompson, Harris 2008, Fundamentals of Queueing Theory"
BRUN = "Brun, Garcia 2000, J. Appl. Probab. 37(4)"
CHAUDHRY = "Chaudhry, Templeton 1983, A First Course in Bulk Queues"
BARRER = "Barrer 1957, Oper. Res. 5(5)"
DE_KOK = "de Kok, Tijms 1985, J. Appl. Probab. 22"
KAM = "Kam, Kompella, Nguyen, Wieselthier, Ephremides 2018, IEEE Trans. Inf. Theory 64(9)"
JOHNSON = "Johnson, Kemp, Kotz 2005, Univariate Discrete Distributions"
ROSS = "Ross 1996, Stochastic Processes"

# What could be consulted in place of the originals, by formula.
SECOND_SOURCES = {
    "mm1k_loss": "Hsu, Schaum's Outline of Probability, Random Variables and Random Processes,"
    " section 9.6",
    "mm1_staleness": "the documentation of the LINE solver, after Inoue, Masuyama, Takine, Tanaka"
    " 2019, IEEE Trans. Inf. Theory 65(12)",
    "mg1k": "an encyclopedia, after Garcia, Brun, Gauchard 2002, J. Appl. Probab. 39(4): the mean,"
    " for a constant drain",
}


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula.

    Attributes:
        name: the function's name in `simrt.theory`.
        function: the function.
        model: what it is about, in queueing's shorthand and in words.
        gives: names of metrics.
        status: `published`: the source states it; `derived`: worked out here from textbook steps.
        sources: works; empty where nothing but textbook steps were used.
        second_source: where else the same formula was found stated, since no original could be
            consulted; empty where nothing was found.
    """

    name: str
    function: Callable[..., Any]
    model: str
    gives: tuple[str, ...]
    status: Literal["published", "derived"]
    sources: tuple[str, ...] = ()
    second_source: str = ""


def _formula(
    function: Callable[..., Any],
    model: str,
    gives: str,
    status: Literal["published", "derived"],
    *sources: str,
) -> Formula:
    name = function.__name__
    second = SECOND_SOURCES.get(name, "")
    return Formula(name, function, model, tuple(gives.split()), status, sources, second)


FORMULAS = (
    _formula(queues.mm1k_loss, "M/M/1/K: loss, either policy", "loss_fraction", "published",
             KLEINROCK),
    _formula(stages.mph1k, "M/PH/1/K: a tagged message among exponential stages, either policy",
             "loss_fraction mean_pending latency_s evicted_age_s staleness_s peak_staleness_s",
             "derived", KLEINROCK, KAUL, COSTA),
    _formula(stages.latency_quantile, "M/PH/1/K: latency by the matrix exponential", "latency_s",
             "derived"),
    _formula(queues.mm11_staleness, "M/M/1/2: one slot that refuses", "staleness_s", "published",
             COSTA),
    _formula(queues.mm11_replaced_staleness, "M/M/1/2*: one slot that is replaced", "staleness_s",
             "published", COSTA),
    _formula(queues.mm1_staleness, "M/M/1: never full", "staleness_s", "published", KAUL),
    _formula(queues.md1_staleness, "M/D/1: never full", "staleness_s", "published", KAUL),
    _formula(queues.mg1, "M/G/1: never full",
             "latency_s mean_pending staleness_s peak_staleness_s", "derived", KLEINROCK, KAUL),
    _formula(queues.mg1k, "M/G/1/K: what a write leaves behind",
             "loss_fraction mean_pending latency_s", "published", GROSS, BRUN),
    _formula(queues.dm1, "D/M/1: even sends, never full", "latency_s staleness_s", "published",
             KAUL, KLEINROCK),
    _formula(queues.dm1k, "D/M/1/K: from send to send", "loss_fraction latency_s", "derived",
             GROSS),
    _formula(queues.mxm1k, "M^X/M/1/K: of a batch what fits is accepted",
             "loss_fraction mean_pending", "published", CHAUDHRY),
    _formula(expiry.mm1_patience, "M/M/1 with constant patience",
             "expired_fraction latency_s staleness_s peak_staleness_s", "published", BARRER, KAUL),
    _formula(expiry.md1_patience, "M/D/1 with constant patience", "expired_fraction", "published",
             DE_KOK, BRUN),
    _formula(expiry.one_slot_patience, "one slot, either policy, patience at the start of a write",
             "expired_fraction staleness_s peak_staleness_s", "derived", KAM),
    _formula(outages.last_n_replay, "outages, replay by number",
             "missed_per_outage duplicates_per_outage gap_probability replayed_per_reconnect "
             "missed_fraction staleness_s age_after_replay_s", "derived", JOHNSON, ROSS),
    _formula(outages.max_age_replay, "outages, replay by age",
             "missed_per_outage duplicates_per_outage gap_probability replayed_per_reconnect "
             "missed_fraction", "derived"),
    _formula(outages.both_limits_replay, "constant outages, replay by number and age",
             "missed_per_outage duplicates_per_outage missed_fraction", "derived"),
)  # fmt: skip
"""Every formula, in the order of the docs."""
