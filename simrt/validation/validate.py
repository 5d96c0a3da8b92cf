"""The simulator against closed forms: runs, batches, standard errors, z.

Each case is run a few times, with other seeds, on the target `sim`, whose rows go straight into the
metrics: no history is kept. Each run drops a warm-up of some hundred relaxation times and is cut
into batches; all batches of a case give one estimate and its standard error (`jackknife`). A case
passes where the estimate lies less than `MOST_Z` standard errors from the exact value. There is no
other tolerance.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from simrt.clock import stopwatch
from simrt.errors import ScenarioError
from simrt.metrics.batches import Batch, Batches, jackknife, joined
from simrt.scenario import scenario
from simrt.targets import sim
from simrt.theory import Model
from simrt.validation.cases import Case, CaseError, as_scenario_data, per_outage
from simrt.workers import simulate_all

MOST_Z = 4.0
"""From so many standard errors on, a case fails."""

DEFAULT_SENDS = 100_000
RUNS = 4
BATCHES = 15
"""Batches of each run, where it is long enough for so many."""
_FEWEST = 5
_BATCH_RELAXATIONS = 30

_RELAXATIONS = 300
_CYCLES = 200
_SENDS_PER_OUTAGE = 10  # 10,000 outages where 100,000 sends are asked for
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How one case is run.

    Attributes:
        case: what.
        warm_up_ns: dropped at the start of each run.
        measured_ns: measured in each run.
        batches: how many each run is cut into.
        seeds: one for each run.
    """

    case: Case
    warm_up_ns: int
    measured_ns: int
    batches: int
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a case came to.

    Attributes:
        case: which.
        estimate: the simulated value; None where nothing was observed.
        standard_error: of the estimate; 0 where every batch said the same.
        sends: messages sent in what was measured.
        outages: ends of a connection in the same.
        runs: independent runs.
        batches: batches of all runs.
        time_s: computing time of all runs, seconds.
    """

    case: Case
    estimate: float | None
    standard_error: float
    sends: int
    outages: int
    runs: int
    batches: int
    time_s: float

    @property
    def z(self) -> float:
        """Estimate minus expected, in standard errors."""
        if self.estimate is None:
            return math.inf
        off = self.estimate - self.case.expected
        if self.standard_error == 0:
            # Every batch agreed: then the value must be exact, up to the digits of the file.
            exact = math.isclose(self.estimate, self.case.expected, rel_tol=1e-9, abs_tol=1e-12)
            return 0.0 if exact else math.copysign(math.inf, off)
        return off / self.standard_error

    @property
    def passed(self) -> bool:
        """Whether the estimate agrees with the exact value."""
        return abs(self.z) < MOST_Z


def plan(case: Case, sends: int = DEFAULT_SENDS, seed: int = 1, runs: int = RUNS) -> Plan:
    """How a case is run.

    Arguments:
        case: what.
        sends: least messages that are measured in all runs together, on average; of a case with
            outages also a tenth as many outages.
        seed: the seeds of the runs follow from it, the case's name and the run's number.
        runs: how many.

    Raises:
        CaseError: a model that the simulator does not take.
    """
    model = case.model
    least_s = sends / model.sends.messages_per_s
    if model.outages is not None:
        cycle_s = model.outages.up.mean_s + model.outages.down.mean_s
        least_s = max(least_s, sends / _SENDS_PER_OUTAGE * cycle_s)
    # Five standard deviations more, so that random sends do not fall short of it.
    least_s *= 1 + 5 / math.sqrt(sends / _SENDS_PER_OUTAGE if per_outage(case) else sends)
    # Batches that are not long against the memory of the queue would give too small an error.
    long_s = warm_up(model) * _BATCH_RELAXATIONS / _RELAXATIONS
    batches = max(_FEWEST, min(BATCHES, int(least_s / runs / long_s)))
    made = Plan(
        case,
        round(min(warm_up(model), least_s) * _NS),
        math.ceil(least_s / runs * _NS),
        batches,
        tuple(_seed(seed, case.id, run) for run in range(runs)),
    )
    try:
        scenario(as_scenario_data(model, made.warm_up_ns + made.measured_ns))
    except ScenarioError as error:
        raise CaseError(f"{case.id}: the simulator does not take this model:\n{error}") from error
    return made


def _seed(seed: int, case_id: str, run: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{case_id}/{run}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def warm_up(model: Model) -> float:
    """How long a run is warmed up, seconds: some hundred relaxation times.

    The relaxation time is that of the M/M/1/K queue of the same load, K as `bufferSize` or
    `messageTTL` bound it, longer for a drain that varies more; with outages, their cycle and the
    time in which the history fills.
    """
    rate, drain = model.sends.messages_per_s, model.drain
    needed = _RELAXATIONS / rate
    if drain.mean_s:
        load = rate * drain.mean_s
        size = model.buffer_size or 10**9
        if model.ttl_s is not None:  # who would wait longer is never written
            size = min(size, math.ceil(model.ttl_s / drain.mean_s) + 1)
        bounded = math.cos(math.pi / (size + 2))
        gap = (1 + load - 2 * math.sqrt(load) * bounded) / drain.mean_s
        varies = max(1.0, drain.second_moment / (2 * drain.mean_s**2)) * model.sends.batch_mean
        needed = max(needed, _RELAXATIONS * varies / max(gap, 1e-9))
    if model.outages is not None:
        cycle_s = model.outages.up.mean_s + model.outages.down.mean_s
        needed = max(needed, _CYCLES * cycle_s, 2 * (model.buffer_size or 0) / rate)
    return needed


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one case.

    Attributes:
        model: what runs.
        warm_up_ns: dropped at the start.
        measured_ns: measured after it.
        batches: how many that is cut into.
        seed: of the run.
    """

    model: Model
    warm_up_ns: int
    measured_ns: int
    batches: int
    seed: int


def jobs_of(plan: Plan) -> list[Job]:
    """The runs of a case."""
    return [
        Job(plan.case.model, plan.warm_up_ns, plan.measured_ns, plan.batches, seed)
        for seed in plan.seeds
    ]


def simulate(job: Job, tell: Callable[[float], None] | None = None) -> tuple[list[Batch], float]:
    """One run of a case.

    Arguments:
        job: which.
        tell: told the share that is done, 0 to 1, now and then.

    Returns:
        Its batches, and the seconds that it took.
    """
    seconds = stopwatch()
    case = scenario(as_scenario_data(job.model, job.warm_up_ns + job.measured_ns))
    batches = Batches(case, job.warm_up_ns, job.batches)
    sim.run(case, job.seed, write=batches.feed, progress=tell)
    return batches.finish(), seconds()


def estimate(plan: Plan, runs: Sequence[tuple[list[Batch], float]]) -> Finding:
    """One estimate from all batches of all runs of a case."""
    case = plan.case
    batches = [batch for run, _ in runs for batch in run]
    whole = joined(batches)

    def figure(batch: Batch) -> float:
        if case.quantile is not None:
            value = batch.latency_quantile(case.quantile)
        else:
            value = batch.value(case.metric)
        return math.nan if value is None else value

    found, error = jackknife(whole, [whole.less(batch) for batch in batches], figure)
    return Finding(
        case,
        None if math.isnan(found) else found,
        error,
        whole.totals.sent,
        whole.totals.outages,
        len(runs),
        len(batches),
        math.fsum(seconds for _, seconds in runs),
    )


def validate(
    plans: Sequence[Plan], progress: Callable[[int], None] | None = None
) -> Iterator[Finding]:
    """Run cases, on all cores, and give what each came to, in order.

    Arguments:
        plans: which, and how.
        progress: told after each run how many are done.
    """
    results: dict[Job, tuple[list[Batch], float]] = {}
    coming = simulate_all(simulate, [job for plan in plans for job in jobs_of(plan)])
    for plan in plans:
        jobs = jobs_of(plan)
        while not all(job in results for job in jobs):
            job, result = next(coming)
            if isinstance(result, Exception):
                raise result
            results[job] = result
            if progress is not None:
                progress(len(results))
        yield estimate(plan, [results[job] for job in jobs])
