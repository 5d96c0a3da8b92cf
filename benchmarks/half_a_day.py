"""Half a day in seconds: 12 hours, 50 subscribers, a message a second, histories off.

    python -m benchmarks.half_a_day [app] [sim]

2.2 million deliveries on each target in virtual time. Prints seconds of CPU and of the clock, and
microseconds of CPU for each delivery. Wanted on two cores: `app` in 180 s, `sim` in 40 s.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from benchmarks.figures import Figure
from simrt.scenario import Scenario, scenario
from simrt.targets import app, sim

SUBSCRIBERS, HOURS = 50, 12
DELIVERIES = SUBSCRIBERS * HOURS * 3600
TARGETS = {"app": app, "sim": sim}
WANTED_S = {"app": 180, "sim": 40}


def load() -> Scenario:
    """Tabs of one office, all of which keep up."""
    return scenario(
        {
            "title": "Half a day",
            "intent": {"kind": "notifications"},
            "feature": {
                "project": "shop",
                "channel": "orders",
                "options": {"bufferSize": 64, "onFull": "drop-oldest", "messageTTL": "none"},
                "stream": {
                    "path": "/orders/live",
                    "permission": {"user": ["GET"]},
                    "replay": {"lastN": 0, "maxAge": "none"},
                },
                "events": {"order-placed": {"type": "object", "examples": [{"id": "{n}"}]}},
                "senders": [
                    {
                        "hook": "POST /orders",
                        "permission": {"token:checkout": ["POST"]},
                        "sends": "order-placed",
                    }
                ],
            },
            "workload": {
                "duration": f"{HOURS}h",
                "publish": [{"event": "order-placed", "arrivals": {"periodic": "1/s"}}],
                "subscribers": {
                    "office": {
                        "count": SUBSCRIBERS,
                        "drain": {"exponential": "20ms"},
                        "latency": "5ms",
                        "window": 4,
                    }
                },
            },
        }
    )


def measure(names: Iterable[str] = TARGETS) -> list[Figure]:
    made = load()
    figures = []
    for name in names:
        cpu, clock = time.process_time(), time.perf_counter()
        TARGETS[name].run(made, 1, write=None)
        cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
        each = cpu / DELIVERIES * 1e6
        print(
            f"  {name:4} {DELIVERIES / 1e6:.1f} M deliveries: {cpu:5.1f} s of CPU, {clock:5.1f} s"
            f" by the clock, {each:.1f} µs a delivery",
            flush=True,
        )
        what = f"half a day on `{name}`: 12 hours, 50 subscribers, a message a second"
        figures.append(Figure(what, cpu, WANTED_S[name], at_least=False, unit="s of CPU"))
    return figures


def main() -> int:
    return 0 if all(figure.met for figure in measure(sys.argv[1:] or TARGETS)) else 1


if __name__ == "__main__":
    sys.exit(main())
