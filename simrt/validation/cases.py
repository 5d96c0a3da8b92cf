"""Validation cases: files of format `validation-cases/1`, read and checked.

A case is a model of one subscriber, a quantity, and its exact value. docs/theory.md describes the
fields. Fields that are not known (notes, earlier checks) are left alone.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from simrt import theory
from simrt.errors import UsageError
from simrt.inputs import NotJson, copy_of_pipe, read_json
from simrt.scenario.metric_names import VALIDATION_QUANTITIES

FORMAT = "validation-cases/1"
SHIPPED = Path(__file__).parent / "closed_forms.json"
"""The cases that come with simrt."""

NEVER_FULL = 100_000
"""A `buffer_size` that stands for a buffer that is never full."""

# What makes sense only where connections end.
_OF_OUTAGES = (
    "expected_missed", "expected_duplicates", "gap_probability", "mean_replayed",
    "mean_age_after_replay_s",
)  # fmt: skip
_PER_OUTAGE = _OF_OUTAGES[:4]

_MAX_BYTES = 1 << 24

_Above0 = Annotated[float, msgspec.Meta(gt=0)]
_From0 = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


class CaseError(UsageError):
    """A file of cases that cannot be used; the message names the file and the case."""


class _Phase(msgspec.Struct):
    p: Annotated[float, msgspec.Meta(gt=0, le=1)]
    mean_s: _Above0


class _Times(msgspec.Struct, kw_only=True):
    mean_s: _From0
    shape: _Count | None = None
    phases: list[_Phase] | None = None
    low_s: _From0 | None = None
    high_s: _Above0 | None = None


class _Law(_Times, kw_only=True):
    dist: theory.Dist


class _Drain(_Times, kw_only=True):
    drain: theory.Dist

    @property
    def dist(self) -> theory.Dist:
        return self.drain


class _Batch(msgspec.Struct):
    dist: Literal["geometric", "fixed"]
    mean: Annotated[float, msgspec.Meta(ge=1)]


class _Publish(msgspec.Struct):
    process: Literal["poisson", "periodic", "batch"]
    rate: _Above0
    batch: _Batch | None = None


class _Reconnect(msgspec.Struct):
    up: _Law
    down: _Law
    last_event_id: bool


class _Model(msgspec.Struct):
    publish: _Publish
    subscriber: _Drain
    buffer_size: _Count
    on_full: Literal["drop-newest", "drop-oldest"]
    message_ttl_s: _Above0 | None
    in_flight: Literal[1]
    reconnect: _Reconnect | None
    last_n: Annotated[int, msgspec.Meta(ge=0)] | None
    max_age_s: _Above0 | None


class _Case(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    quantity: str
    model: _Model
    expected: float
    formula: str = ""
    status: str = ""
    source: str = ""
    quantile: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        id: its stable name.
        quantity: what is measured, by the name that the format has for it.
        model: the subscriber.
        expected: the exact value; seconds, fraction, or messages.
        quantile: which one, for `latency_quantile_s`; else None.
        formula, status, source: where the value comes from, in words.
    """

    id: str
    quantity: str
    model: theory.Model
    expected: float
    quantile: float | None = None
    formula: str = ""
    status: str = ""
    source: str = ""

    @property
    def metric(self) -> str:
        """The metric of simrt that the quantity is."""
        return VALIDATION_QUANTITIES[self.quantity]

    @property
    def predicted(self) -> float | None:
        """What `simrt.theory` says, or None where it has no formula."""
        try:
            if self.quantile is not None:
                return theory.predict_quantile(self.quantile, self.model)
            return theory.predict(self.model).get(self.metric)
        except ValueError:
            return None


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read a file of cases.

    Arguments:
        path: a JSON file of format `validation-cases/1`.

    Returns:
        The cases, in the order of the file.

    Raises:
        CaseError: where the file cannot be read or is not of this format; all mistakes at once.
    """
    try:
        with copy_of_pipe(path, _MAX_BYTES + 1) or path.open("rb") as file:
            raw_data = file.read(_MAX_BYTES + 1)
        if len(raw_data) > _MAX_BYTES:
            raise CaseError(f"{path}: larger than {_MAX_BYTES >> 20} MiB")
        data = read_json(raw_data)
    except OSError as error:
        raise CaseError(f"{path}: cannot be read: {error.strerror or error}") from error
    except NotJson as error:
        raise CaseError(f"{path}: not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else type(data).__name__
        raise CaseError(f'{path}: format: found {found!r}; allowed: an object with "{FORMAT}"')
    entries = data.get("cases")
    if not isinstance(entries, list) or not entries:
        raise CaseError(f"{path}: cases: a list of one case or more must stand there")
    cases: list[Case] = []
    mistakes: list[str] = []
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = entry.get("id", "") if isinstance(entry, dict) else ""
        place = f"{path}: cases[{index}]" + (f" ({name})" if isinstance(name, str) and name else "")
        try:
            raw = msgspec.convert(entry, _Case)
        except msgspec.ValidationError as error:
            mistakes.append(f"{place}: {str(error).replace('`$.', '`')}")
            continue
        problems = list(_problems(raw))
        if raw.id in seen:
            problems.append(f"id: cases[{seen[raw.id]}] has the same")
        seen.setdefault(raw.id, index)
        mistakes += [f"{place}: {problem}" for problem in problems]
        if not problems:
            cases.append(_case(raw))
    if mistakes:
        raise CaseError("\n".join(mistakes))
    return tuple(cases)


def chosen(cases: Sequence[Case], only: Sequence[str]) -> tuple[Case, ...]:
    """The cases with these ids, in the order of the file; all where none is named.

    Raises:
        CaseError: an id that no case has; the message names the nearest.
    """
    ids = [case.id for case in cases]
    for wanted in only:
        if wanted not in ids:
            near = difflib.get_close_matches(wanted, ids, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ids)}"
            raise CaseError(f"no case {wanted!r}; {hint}")
    return tuple(case for case in cases if not only or case.id in only)


# --- what one field alone cannot say ------------------------------------------------------------


def _problems(raw: _Case) -> Iterator[str]:
    model = raw.model
    if raw.quantity not in VALIDATION_QUANTITIES:
        known = ", ".join(VALIDATION_QUANTITIES)
        yield f"quantity: found {raw.quantity!r}; allowed: {known}"
    if (raw.quantity == "latency_quantile_s") != (raw.quantile is not None):
        yield "quantile: latency_quantile_s needs one between 0 and 1, no other quantity has one"
    if not math.isfinite(raw.expected):
        yield "expected: a number must stand there"
    if raw.quantity in _OF_OUTAGES and model.reconnect is None:
        yield f"model.reconnect: {raw.quantity} needs outages"
    publish = model.publish
    if (publish.process == "batch") != (publish.batch is not None):
        yield "model.publish.batch: batch needs a law of sizes, other processes have none"
    elif publish.batch and publish.batch.dist == "fixed" and publish.batch.mean % 1:
        yield "model.publish.batch.mean: a fixed size is a whole number"
    yield from _problems_of_law(model.subscriber, "model.subscriber", may_be_0=True)
    if model.reconnect is not None:
        yield from _problems_of_law(model.reconnect.up, "model.reconnect.up")
        yield from _problems_of_law(model.reconnect.down, "model.reconnect.down")


def _problems_of_law(law: _Law | _Drain, place: str, *, may_be_0: bool = False) -> Iterator[str]:
    if law.mean_s == 0 and not (may_be_0 and law.dist == "deterministic"):
        yield f"{place}.mean_s: must be above 0"
    if law.dist == "erlang" and law.shape is None:
        yield f"{place}.shape: erlang needs a whole number of stages, 1 or more"
    elif law.dist == "uniform":
        if law.low_s is None or law.high_s is None or law.low_s > law.high_s:
            yield f"{place}: uniform needs low_s and high_s, the smaller first"
        elif not math.isclose((law.low_s + law.high_s) / 2, law.mean_s, rel_tol=1e-9):
            yield f"{place}.mean_s: not the middle of low_s and high_s"
    elif law.dist == "hyperexponential":
        phases = law.phases or []
        if len(phases) < 2 or not math.isclose(sum(one.p for one in phases), 1, rel_tol=1e-9):
            yield f"{place}.phases: two or more, whose p add up to 1"
        elif not math.isclose(sum(one.p * one.mean_s for one in phases), law.mean_s, rel_tol=1e-9):
            yield f"{place}.mean_s: not the mean of the phases"


# --- from the file's words to ours --------------------------------------------------------------


def _case(raw: _Case) -> Case:
    model = raw.model
    reconnect, batch = model.reconnect, model.publish.batch
    return Case(
        raw.id,
        raw.quantity,
        theory.Model(
            sends=theory.Sends(
                model.publish.process,
                model.publish.rate,
                batch.dist if batch else "fixed",
                batch.mean if batch else 1.0,
            ),
            drain=_law(model.subscriber),
            buffer_size=None if model.buffer_size >= NEVER_FULL else model.buffer_size,
            on_full=model.on_full,
            ttl_s=model.message_ttl_s,
            outages=None
            if reconnect is None
            else theory.Outages(_law(reconnect.up), _law(reconnect.down), reconnect.last_event_id),
            last_n=model.last_n,
            max_age_s=model.max_age_s,
        ),
        raw.expected,
        raw.quantile,
        raw.formula,
        raw.status,
        raw.source,
    )


def _law(law: _Law | _Drain) -> theory.Law:
    return theory.Law(
        law.dist,
        law.mean_s,
        shape=law.shape or 1,
        phases=tuple((one.p, one.mean_s) for one in law.phases or ()),
        low_s=law.low_s or 0.0,
        high_s=law.high_s or 0.0,
    )


def per_outage(case: Case) -> bool:
    """Whether the quantity is counted in outages, so that their number decides the precision."""
    return case.quantity in _PER_OUTAGE


def as_scenario_data(model: theory.Model, duration_ns: int) -> dict[str, Any]:
    """The scenario that is this model, as a dict: one client that handles one message at a time.

    Latency 0, a window of one message, no heartbeats, deadlines and pauses: what the validation
    model leaves out is off. A client that returns connects at once.

    Arguments:
        model: the subscriber.
        duration_ns: length of the workload.
    """
    sends = model.sends
    rate = f"{sends.rate_per_s:.15f}/s"
    arrivals: dict[str, Any] = {sends.process: rate}
    if sends.process == "batch":
        mean: float = sends.batch_mean if sends.batch_dist == "geometric" else int(sends.batch_mean)
        arrivals = {"batch": {"rate": rate, "size": {sends.batch_dist: mean}}}
    client: dict[str, Any] = {"drain": _written(model.drain), "window": 1, "reconnect": "at-once"}
    if model.outages is not None:
        client["online"] = {"up": _written(model.outages.up), "down": _written(model.outages.down)}
    resume = model.outages is not None and model.outages.resume
    return {
        "title": "A validation case",
        "intent": {"kind": "notifications"},
        "feature": {
            "project": "validation",
            "channel": "case",
            "options": {
                "bufferSize": model.buffer_size or NEVER_FULL,
                "onFull": model.on_full,
                "messageTTL": _ns(model.ttl_s),
            },
            "stream": {
                "path": "/case",
                "permission": {"public": ["GET"]},
                "replay": {
                    "lastN": "none" if model.last_n is None else model.last_n,
                    "maxAge": _ns(model.max_age_s),
                },
            },
            "events": {"message": {"type": "object", "examples": [{}]}},
            "senders": [
                {"hook": "POST /case", "permission": {"public": ["POST"]}, "sends": "message"}
            ],
        },
        "workload": {
            "duration": f"{duration_ns}ns",
            "publish": [{"event": "message", "arrivals": arrivals}],
            "subscribers": {"subscriber": client},
        },
        "server": {
            "heartbeat": "none",
            "peerTimeout": "none",
            "writeDeadline": "none",
            "retrySpread": "none",
            "quiet": "0s",
        },
        "variants": {"resume": "last-event-id" if resume else "none"},
    }


def _ns(length_s: float | None) -> str:
    return "none" if length_s is None else f"{round(length_s * 1e9)}ns"


def _written(law: theory.Law) -> dict[str, Any]:
    if law.dist == "deterministic":
        return {"constant": _ns(law.mean_s)}
    if law.dist == "exponential":
        return {"exponential": _ns(law.mean_s)}
    if law.dist == "erlang":
        return {"erlang": {"mean": _ns(law.mean_s), "shape": law.shape}}
    if law.dist == "uniform":
        return {"uniform": {"low": _ns(law.low_s), "high": _ns(law.high_s)}}
    phases = [{"p": p, "mean": _ns(mean)} for p, mean in law.phases]
    return {"hyperexponential": phases}
