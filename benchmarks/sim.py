"""The simulator against the model one would write first: a SimPy Store for each subscriber.

Both run the same load: one channel, Poisson sends at 0.9 of what 50 subscribers can handle, one
event in service and 64 pending. The Store model knows no network, no replay, no TTL, no faults.
Prints deliveries per second of CPU; the ratio is the median of alternating rounds in one run.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

import simpy

from benchmarks.figures import Figure
from simrt.scenario import Scenario, scenario
from simrt.targets import sim

SUBSCRIBERS, DRAIN_S, RATE_PER_S, DURATION_S, BUFFER = 50, 0.2, 4.5, 1200, 64
ROUNDS = 5


def store_model(seed: int) -> int:
    """Deliveries of the idiomatic model."""
    source = random.Random(seed)
    env = simpy.Environment()
    stores = [simpy.Store(env, capacity=BUFFER) for _ in range(SUBSCRIBERS)]
    delivered = 0

    def producer():
        while True:
            yield env.timeout(source.expovariate(RATE_PER_S))
            for store in stores:
                if len(store.items) < BUFFER:
                    store.put(env.now)

    def subscriber(store):
        nonlocal delivered
        while True:
            yield store.get()
            yield env.timeout(source.expovariate(1 / DRAIN_S))
            delivered += 1

    env.process(producer())
    for store in stores:
        env.process(subscriber(store))
    env.run(until=DURATION_S)
    return delivered


def load() -> Scenario:
    return scenario(
        {
            "title": "Benchmark",
            "intent": {"kind": "notifications"},
            "feature": {
                "project": "p",
                "channel": "c",
                "options": {"bufferSize": BUFFER, "onFull": "drop-newest", "messageTTL": "none"},
                "stream": {
                    "path": "/s",
                    "permission": {"user": ["GET"]},
                    "replay": {"lastN": 0, "maxAge": "none"},
                },
                "events": {"e": {"type": "object", "examples": [{"id": "7"}]}},
                "senders": [{"hook": "POST /e", "permission": {"token:t": ["POST"]}, "sends": "e"}],
            },
            "workload": {
                "duration": f"{DURATION_S}s",
                "publish": [{"event": "e", "arrivals": {"poisson": f"{RATE_PER_S}/s"}}],
                "subscribers": {
                    "g": {
                        "count": SUBSCRIBERS,
                        "drain": {"exponential": f"{int(DRAIN_S * 1000)}ms"},
                        "window": 1,
                    }
                },
            },
        }
    )


def simulated(made: Scenario, seed: int) -> int:
    """Deliveries of simrt, history off: counted by the subscriptions themselves."""
    run = sim.Simulation(made, seed, None)
    run.run(None)
    return sum(stream.subscription.fates["taken"] for stream in run.server.streams.values())


def timed(function, *arguments):
    begun = time.process_time()
    delivered = function(*arguments)
    return delivered / (time.process_time() - begun)


def measure() -> list[Figure]:
    """Both models in turns; the order is reversed each round."""
    made = load()
    ratios = []
    for number in range(ROUNDS):
        contestants = [(store_model, (number,)), (simulated, (made, number))]
        speeds = {}
        for function, arguments in contestants if number % 2 == 0 else contestants[::-1]:
            speeds[function] = timed(function, *arguments)
        ratios.append(speeds[simulated] / speeds[store_model])
        print(
            f"  round {number + 1}: a Store each {speeds[store_model] / 1e6:.3f}, simrt"
            f" {speeds[simulated] / 1e6:.3f} million deliveries per second of CPU,"
            f" ratio {ratios[-1]:.2f}"
        )
    return [
        Figure(
            "`sim`, full network model, against SimPy with a Store per subscriber and no network",
            statistics.median(ratios),
            2,
        )
    ]


def main() -> int:
    return 0 if all(figure.met for figure in measure()) else 1


if __name__ == "__main__":
    sys.exit(main())
