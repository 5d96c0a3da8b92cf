"""The smallest scenarios, for tests that know the answer to the nanosecond."""

import contextlib

from simrt.errors import UsageError
from simrt.scenario import scenario
from simrt.targets import app, sim

MS = 1_000_000
S = 1_000_000_000


def small(
    *,
    duration="10s",
    publish=None,
    options=None,
    replay=None,
    faults=(),
    server=None,
    variants=None,
    permission=None,
    **group,
):
    """One feature, one group `g`, sends every second at 1 s, 2 s, … unless told otherwise."""
    groups = group.pop("subscribers", None) or {"g": group}
    return scenario(
        {
            "title": "Small",
            "intent": {"kind": "notifications"},
            "feature": {
                "project": "p",
                "channel": "c",
                "options": {"bufferSize": 4, "onFull": "drop-oldest", "messageTTL": "none"}
                | (options or {}),
                "stream": {
                    "path": "/stream",
                    "permission": permission or {"user": ["GET"]},
                    "replay": replay or {"lastN": 0, "maxAge": "none"},
                },
                "events": {"e": {"type": "object", "examples": [{"n": "{n}"}]}},
                "senders": [{"hook": "POST /e", "permission": {"token:t": ["POST"]}, "sends": "e"}],
            },
            "workload": {
                "duration": duration,
                "publish": publish
                if publish is not None
                else [{"event": "e", "arrivals": {"periodic": "1/s"}}],
                "subscribers": groups,
            },
            "faults": list(faults),
            "variants": variants or {},
            "server": {"retrySpread": "none", "heartbeat": "none"} | (server or {}),
        }
    )


def simulate(scenario, seed=1):
    """The rows of a simulated run, the neighbour's left out.

    The real server in virtual time must write the same ones: what is worked out by hand for the
    simulator holds there too.
    """
    rows, witnessed = [], []
    sim.run(scenario, seed, write=rows.append)
    with contextlib.suppress(UsageError):  # a denial that no real server can carry out
        app.run(scenario, seed, write=witnessed.append)
        assert witnessed == rows
    return [r for r in rows if r.project != "p-neighbour" and r.group != "neighbour"]


def times(rows, kind, subscriber=None):
    """(milliseconds, seq) of the rows of a kind."""
    return [
        (row.t_ns / MS, row.seq)
        for row in rows
        if row.kind == kind and subscriber in (None, row.subscriber)
    ]
