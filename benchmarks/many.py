"""Ten thousand subscribers against one thousand: simulating, and judging.

    python -m benchmarks.many

Ten times the subscribers make ten times the rows. What grows faster than they do would make a
large audience impossible to try. Rounds alternate in one process; the clock is that of the CPU.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict

from benchmarks.figures import Figure
from simrt.runs import judge, record
from simrt.scenario import Scenario, scenario

FEW, MANY = 1_000, 10_000
ROUNDS = 3
MOST = 11.0


def load(subscribers: int) -> Scenario:
    """Half keep up; half are slow and leave now and then; a restart ends all connections."""
    half = subscribers // 2
    return scenario(
        {
            "title": "Many subscribers",
            "intent": {"kind": "notifications", "needs": []},
            "feature": {
                "project": "shop",
                "channel": "news",
                "options": {"bufferSize": 16, "onFull": "drop-oldest", "messageTTL": "1m"},
                "stream": {
                    "path": "/news",
                    "permission": {"user": ["GET"]},
                    "replay": {"lastN": 5, "maxAge": "1m"},
                },
                "events": {"news": {"type": "object", "examples": [{"id": "{n}"}]}},
                "senders": [
                    {"hook": "POST /news", "permission": {"token:t": ["POST"]}, "sends": "news"}
                ],
            },
            "workload": {
                "duration": "20s",
                "publish": [{"event": "news", "arrivals": {"poisson": "1/s"}}],
                "subscribers": {
                    "desk": {
                        "count": half,
                        "drain": {"exponential": "20ms"},
                        "latency": "5ms",
                        "window": 4,
                    },
                    "train": {
                        "count": half,
                        "drain": {"exponential": "800ms"},
                        "latency": "50ms",
                        "window": 4,
                        "online": {"up": {"exponential": "10s"}, "down": {"exponential": "3s"}},
                    },
                },
            },
            "faults": [{"at": "10s", "restart": "server", "for": "2s"}],
        }
    )


def measure() -> list[Figure]:
    made = {number: load(number) for number in (FEW, MANY)}
    times: dict[tuple[str, int], list[float]] = defaultdict(list)
    for turn in range(ROUNDS):
        for number in (FEW, MANY) if turn % 2 == 0 else (MANY, FEW):
            begun = time.process_time()
            history = record(made[number], "sim", 1)
            simulated = time.process_time()
            judge(history)
            times["simulating", number].append(simulated - begun)
            times["judging", number].append(time.process_time() - simulated)
    figures = []
    for what in ("simulating", "judging"):
        few, many = (statistics.median(times[what, number]) for number in (FEW, MANY))
        print(f"  {what:<10} {few:.2f} and {many:.2f} s of CPU", flush=True)
        said = f"{what}: {MANY:,} subscribers against {FEW:,}"
        figures.append(Figure(said, many / few, MOST, at_least=False))
    return figures


def main() -> int:
    return 0 if all(figure.met for figure in measure()) else 1


if __name__ == "__main__":
    sys.exit(main())
