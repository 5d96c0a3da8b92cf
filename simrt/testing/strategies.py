"""Hypothesis strategies for scenarios: every option, group, fault and setting, bounded in size.

    from hypothesis import given
    from simrt.testing import scenarios

    @given(scenarios())
    def test_mine(scenario): ...

A scenario lasts a few seconds of scenario time and takes some hundredths of a second to simulate.
Times are multiples of a tick of 100 ms, or one nanosecond beside one; in half of all scenarios
nothing is left to chance and the network takes no time. So sends, ends of drains, expiries, faults,
offline periods and timers fall into the same instant again and again, which is where rules break.

What can be left out is left out when an example shrinks: what remains in a small scenario is what
the failure needs. Recorded traces are not generated: they need files.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from simrt.scenario import scenario
from simrt.scenario.fault import FAULT_KINDS
from simrt.scenario.model import Scenario
from simrt.scenario.units import format_duration, parse_duration

Data: TypeAlias = dict[str, Any]

TICK_NS = 100_000_000
LONGEST_WORKLOAD_TICKS = 80
MOST_CLIENTS = 3
GROUPS = ("a", "b", "c")
EVENTS = ("news", "tick")

# Each key of a part is left out once in so many times. A shrunk example has only what it needs.
_LEFT_OUT = 8


# --- lengths of time ----------------------------------------------------------------------------


def durations(least: int = 1, most: int = 30) -> SearchStrategy[str]:
    """Durations as a file spells them: whole ticks of 100 ms, sometimes a nanosecond beside one.

    Arguments:
        least: the shortest, in ticks, 0 or more.
        most: the longest, in ticks.
    """
    whole = [number * TICK_NS for number in range(least, most + 1)]
    beside = [ns + by for ns in whole[1::8] for by in (1, -1) if ns + by > 0]
    return st.sampled_from([format_duration(ns) for ns in whole + beside])


def distributions(most: int = 10, *, ties: bool = False) -> SearchStrategy[str | Data]:
    """Laws for a length of time, each of those that a scenario knows.

    Arguments:
        most: the longest constant or mean, in ticks of 100 ms.
        ties: only constants.
    """
    if ties:
        return durations(1, most)
    return st.one_of(durations(1, most), durations(1, most), _random_lengths(most))


@st.composite
def _random_lengths(draw: st.DrawFn, most: int) -> Data:
    mean = format_duration(draw(st.integers(1, most)) * TICK_NS)
    law = draw(st.sampled_from(("exponential", "uniform", "erlang", "hyperexponential")))
    if law == "exponential":
        return {law: mean}
    if law == "uniform":
        return {law: {"low": "0s", "high": mean}}
    if law == "erlang":
        return {law: {"mean": mean, "shape": draw(st.integers(1, 4))}}
    return {law: [{"p": 0.75, "mean": "50ms"}, {"p": 0.25, "mean": mean}]}


# --- the feature --------------------------------------------------------------------------------


@st.composite
def _some(draw: st.DrawFn, parts: dict[str, SearchStrategy[Any]]) -> Data:
    """Most of the keys, each with what its strategy gives."""
    return {
        key: draw(strategy)
        for key, strategy in parts.items()
        if draw(st.integers(0, _LEFT_OUT - 1))
    }


def _or_none(strategy: SearchStrategy[str]) -> SearchStrategy[str]:
    return st.one_of(st.just("none"), strategy, strategy)


def options() -> SearchStrategy[Data]:
    """Options of a channel: small buffers, both policies, lives that end within the workload."""
    return _some(
        {
            "bufferSize": st.sampled_from((1, 2, 2, 3, 5)),
            "onFull": st.sampled_from(("drop-oldest", "drop-newest")),
            "messageTTL": _or_none(durations(1, 20)),
        }
    )


def replays() -> SearchStrategy[Data]:
    """Limits of a replay, each of them there, `none`, or left out."""
    return _some(
        {
            "lastN": st.sampled_from(("none", 0, 1, 2, 3, 8, 20, 20)),
            "maxAge": _or_none(durations(1, 15)),
        }
    )


@st.composite
def features(draw: st.DrawFn) -> Data:
    """A feature with two event types: `news` by a hook, `tick` by a hook and perhaps a job.

    Some schemas, from the tenth send on, do not fit any more: then sends are rejected (SSE-7).
    """
    shape: Data = {"type": "string"}
    if draw(st.integers(0, 7)) == 7:
        shape["pattern"] = "^.$"
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"id": shape},
        "examples": [{"id": "{n}"}],
    }
    senders: list[Data] = [
        {"hook": f"POST /{event}", "permission": {"token:editor": ["POST"]}, "sends": event}
        for event in EVENTS
    ]
    job = draw(st.sampled_from(("", "1s", "3s", "* * * * *")))
    if job:
        senders.append({"job": job, "sends": "tick"})
    reader = draw(st.sampled_from(("user", "user", "token:reader", "public")))
    return {
        "project": "shop",
        "channel": "news",
        "options": draw(options()),
        "stream": {
            "path": "/stream",
            "permission": {reader: ["GET"]},
            "replay": draw(replays()),
        },
        "events": dict.fromkeys(EVENTS, schema),
        "senders": senders,
    }


# --- the workload -------------------------------------------------------------------------------


_RATES = ("0.5/s", "1/s", "2/s", "5/s", "10/s", "10/s")
_SIZES = ({"fixed": 2}, {"fixed": 6}, {"geometric": 3})


def arrivals(*, ties: bool = False) -> SearchStrategy[Data]:
    """When a hook is called: at even distances, by chance, in batches, in busy periods.

    Arguments:
        ties: only at even distances.
    """
    rate = st.sampled_from(_RATES)
    periodic = st.fixed_dictionaries({"periodic": rate})
    if ties:
        return periodic
    batch = st.fixed_dictionaries({"rate": st.just("2/s"), "size": st.sampled_from(_SIZES)})
    on_off = st.fixed_dictionaries(
        {"rate": rate, "on": distributions(20), "off": distributions(20)}
    )
    return st.one_of(
        periodic,
        st.fixed_dictionaries({"poisson": rate}),
        st.fixed_dictionaries({"batch": batch}),
        st.fixed_dictionaries({"on-off": on_off}),
    )


def reconnects(*, ties: bool = False) -> SearchStrategy[str | Data]:
    """When a client tries again: at once, or after waits of 200 ms and more that may grow.

    Arguments:
        ties: without jitter.
    """
    jitter = st.just("0s") if ties else st.sampled_from(("0s", "500ms", "1s"))
    waits = st.fixed_dictionaries(
        {"after": durations(2, 10), "atMost": durations(11, 20), "jitter": jitter},
        optional={"backoff": st.sampled_from((1.5, 2))},
    )
    return st.one_of(st.just("at-once"), waits, waits)


def groups(*, ties: bool = False) -> SearchStrategy[Data]:
    """A group of one to three clients, with any network, speed, manners and credentials.

    Arguments:
        ties: nothing is left to chance, and the network takes no time.
    """
    return _group(ties)


@st.composite
def _group(draw: st.DrawFn, ties: bool) -> Data:
    latency = ("0s",) if ties else ("0s", "5ms", "50ms", "100ms")
    group = draw(
        _some(
            {
                "count": st.integers(1, MOST_CLIENTS),
                "drain": distributions(8, ties=ties),
                "latency": st.sampled_from(latency),
                "window": st.sampled_from((1, 1, 1, 2, 4, "60B", "200B")),
                "reconnect": reconnects(ties=ties),
            }
        )
    )
    network = draw(st.sampled_from(("always", "always", "periods", "silent")))
    if network != "always":
        up, down = draw(distributions(30, ties=ties)), draw(distributions(20, ties=ties))
        group["online"] = {"up": up, "down": down}
        if network == "silent":
            group["online"]["silent"] = True
    noticing = draw(st.sampled_from(("", "never", "at-heal", "keepalive", "keepalive")))
    if noticing:
        asks = {"keepalive": format_duration(draw(st.integers(10, 20)) * TICK_NS)}
        group["notices"] = asks if noticing == "keepalive" else noticing
    rare = 1 if network == "silent" else 4
    if draw(st.integers(0, rare)) == rare:
        return group | {"watchdog": draw(durations(3, 6))}
    return group | draw(_manners())


@st.composite
def _manners(draw: st.DrawFn) -> Data:
    """What few groups have: other credentials (they are soon done), or patience."""
    manners: Data = {}
    if draw(st.integers(0, 3)) == 3:
        manners["client"] = "patient"
    if draw(st.integers(0, 7)) == 7:
        wrong = ("none", "wrong", "expired", "other-project")
        manners["credentials"] = draw(st.sampled_from(wrong))
    return manners


# --- what goes wrong, and the server ------------------------------------------------------------


def faults(names: tuple[str, ...], workload_ticks: int) -> SearchStrategy[Data]:
    """A fault of any kind, during the workload.

    Arguments:
        names: the groups that there are.
        workload_ticks: how long the workload lasts, in ticks of 100 ms.
    """
    return _fault(names, workload_ticks)


@st.composite
def _fault(draw: st.DrawFn, names: tuple[str, ...], workload_ticks: int) -> Data:
    kind = draw(st.sampled_from(tuple(FAULT_KINDS)))
    hits = {
        "server": st.just("server"),
        "event": st.sampled_from(EVENTS),
        "group": st.sampled_from(names),
    }
    at = draw(st.integers(0, workload_ticks - 1))
    fault: Data = {"at": format_duration(at * TICK_NS)}
    fault[kind] = draw(hits[FAULT_KINDS[kind].hits])
    if FAULT_KINDS[kind].lasts or draw(st.booleans()):
        fault["for"] = draw(durations(1, 30))
    if kind == "slow":
        fault["by"] = draw(st.sampled_from((2, 0.5, 10)))
    elif kind == "burst":
        fault["by"] = draw(st.integers(1, 12))
    elif kind == "disconnect" and draw(st.booleans()):
        fault["by"] = 0.5
    return fault


@st.composite
def server_settings(draw: st.DrawFn) -> Data:
    """Settings of a server, mostly so short that they act within the workload."""
    settings = draw(
        _some(
            {
                "heartbeat": _or_none(durations(2, 20)),
                "peerTimeout": _or_none(durations(4, 16)),
                "writeDeadline": _or_none(durations(5, 20)),
                "retrySpread": st.sampled_from(("none", ("100ms", "100ms"), ("200ms", "1s"))),
                "quiet": st.sampled_from(("0s", "1s", "10s")),
            }
        )
    )
    if draw(st.integers(0, 7)) == 7:
        settings["maxEventBytes"] = "10B"
    return settings


# --- the whole ----------------------------------------------------------------------------------


@st.composite
def scenario_data(draw: st.DrawFn) -> Data:
    """Whole scenarios as plain data in a file's spelling; each of them is valid."""
    ties = draw(st.booleans())
    ticks = draw(st.integers(10, LONGEST_WORKLOAD_TICKS))
    names = GROUPS[: draw(st.integers(1, len(GROUPS)))]
    entry = st.fixed_dictionaries(
        {"event": st.sampled_from(EVENTS), "arrivals": arrivals(ties=ties)}
    )
    data: Data = {
        "title": "Generated",
        "intent": {"kind": "notifications"},
        "feature": draw(features()),
        "workload": {
            "duration": format_duration(ticks * TICK_NS),
            "publish": draw(st.lists(entry, min_size=1, max_size=2)),
            "subscribers": {name: draw(groups(ties=ties)) for name in names},
        },
    }
    if wrong := _apart(draw(st.lists(faults(names, ticks), max_size=4))):
        data["faults"] = wrong
    if settings := draw(server_settings()):
        data["server"] = settings
    if draw(st.integers(0, 3)) == 3:
        data["variants"] = {"resume": "last-event-id"}
    # Two seconds before the minute: then a job of cron fires within the workload.
    if draw(st.booleans()):
        data["starts"] = "2026-01-01T00:00:58Z"
    return data


def scenarios() -> SearchStrategy[Scenario]:
    """Whole scenarios, valid and bounded: at most 8 s, 9 clients, some 350 sends, 4 faults."""
    return scenario_data().map(scenario)


def _apart(drawn: list[Data]) -> list[Data]:
    """The faults without restarts of a server that is down: that one cannot be killed."""
    kept: list[Data] = []
    busy: list[tuple[int, int]] = []
    for fault in drawn:
        if "restart" in fault:
            begins = parse_duration(fault["at"])
            ends = begins + parse_duration(fault["for"])
            if any(begins <= other_ends and other <= ends for other, other_ends in busy):
                continue
            busy.append((begins, ends))
        kept.append(fault)
    return kept
