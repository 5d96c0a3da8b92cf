"""What a send costs, side by side with a deque and an asyncio.Queue for each subscriber.

    python -m benchmarks.engine

Every subscriber is behind: its queue of 64 messages is full, and stays so. The event is encoded
before the clock starts, and the clock is the CPU's. All contestants run in one process, in turns;
the order is reversed each round. Figures are medians over the rounds, ratios are medians of each
round's ratio. Ends with 1 if a ratio misses its target.

Under drop-newest a deque that is full has nothing to do but to count.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.figures import Figure
from simrt.engine import ChannelOptions, Hub, OnFull, encode_event

BUFFER_SIZE: Final = 64
ROUNDS: Final = 9
ROUND_NS: Final = 20_000_000
EVENT = encode_event("content-updated", {"id": "7", "status": "published"})

Send = Callable[[], object]


class DequeEach:
    """A deque and a drop count for each subscriber."""

    def __init__(self, subscribers: int, on_full: OnFull) -> None:
        self.seq = 0
        self.queues: list[deque[tuple[int, str, bytes]]] = [deque() for _ in range(subscribers)]
        self.dropped = [0] * subscribers
        self.send = self.send_newest if on_full == "drop-newest" else self.send_oldest

    def send_oldest(self) -> int:
        self.seq += 1
        message = (self.seq, EVENT.event, EVENT.encoded)
        dropped = self.dropped
        for at, queue in enumerate(self.queues):
            if len(queue) >= BUFFER_SIZE:
                queue.popleft()
                dropped[at] += 1
            queue.append(message)
        return self.seq

    def send_newest(self) -> int:
        self.seq += 1
        message = (self.seq, EVENT.event, EVENT.encoded)
        dropped = self.dropped
        for at, queue in enumerate(self.queues):
            if len(queue) >= BUFFER_SIZE:
                dropped[at] += 1
            else:
                queue.append(message)
        return self.seq


class QueueEach:
    """A bounded asyncio.Queue for each subscriber."""

    def __init__(self, subscribers: int, on_full: OnFull) -> None:
        self.seq = 0
        self.queues: list[asyncio.Queue[tuple[int, str, bytes]]] = [
            asyncio.Queue(BUFFER_SIZE) for _ in range(subscribers)
        ]
        self.newest = on_full == "drop-newest"

    def send(self) -> int:
        self.seq += 1
        message = (self.seq, EVENT.event, EVENT.encoded)
        for queue in self.queues:
            if queue.full():
                if self.newest:
                    continue
                queue.get_nowait()
            queue.put_nowait(message)
        return self.seq


def engine(subscribers: int, on_full: OnFull) -> Send:
    options = ChannelOptions(buffer_size=BUFFER_SIZE, on_full=on_full)
    channel = Hub("bench").project("shop").channel("news", options)
    for _ in range(subscribers):
        channel.subscribe(now=0)
    return partial(channel.send_encoded, EVENT, 1)


def engine_delivery(subscribers: int, at_a_time: int) -> Send:
    channel = Hub("bench").project("shop").channel("news", ChannelOptions(buffer_size=BUFFER_SIZE))
    for _ in range(subscribers):
        channel.subscribe(now=0)

    def deliver() -> None:
        for _ in range(at_a_time):
            channel.send_encoded(EVENT, 1)
        for sub in channel.collect_ready():
            sub.take(1, at_a_time)

    return deliver


def deque_delivery(subscribers: int, at_a_time: int) -> Send:
    each = DequeEach(subscribers, "drop-oldest")

    def deliver() -> None:
        for _ in range(at_a_time):
            each.send()
        for queue in each.queues:
            [queue.popleft() for _ in range(min(at_a_time, len(queue)))]

    return deliver


def time_ns(send: Send) -> float:
    """Time one call, over some hundredths of a second of CPU."""
    calls = 1
    while True:
        begin = time.process_time_ns()
        for _ in range(calls):
            send()
        spent = time.process_time_ns() - begin
        if spent > ROUND_NS / 4:
            return spent / calls
        calls *= 4


def in_turns(contestants: dict[str, Send]) -> dict[str, list[float]]:
    """Run all contestants in turns; the times of each, round by round, in ns a call."""
    for send in contestants.values():
        for _ in range(2 * BUFFER_SIZE):  # until everybody is behind
            send()
    names = list(contestants)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(ROUNDS):
        for name in names if number % 2 == 0 else reversed(names):
            times[name].append(time_ns(contestants[name]))
    return times


def ratio(above: list[float], below: list[float]) -> float:
    """The median of each round's ratio."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def measure() -> list[Figure]:
    figures = []
    for on_full in ("drop-oldest", "drop-newest"):
        policy: OnFull = on_full
        contestants: dict[str, Send] = {f"engine, {n:>5}": engine(n, policy) for n in (1, 50, 1000)}
        contestants |= {f"deque,  {n:>5}": DequeEach(n, policy).send for n in (1, 50, 1000)}
        contestants |= {f"Queue,  {n:>5}": QueueEach(n, policy).send for n in (1, 50, 1000)}
        times = in_turns(contestants)
        print(f"{on_full}: a send of an encoded event, subscribers behind, ns")
        for name, values in times.items():
            print(f"  {name}  {statistics.median(values):>10,.0f}")
        many = times["engine,  1000"]
        figures += [
            Figure(
                f"a send to 1,000 that are behind, `{policy}`: a deque each, against the engine",
                ratio(times["deque,   1000"], many),
                100,
            ),
            Figure(
                f"the engine's send, `{policy}`: 1,000 that are behind, against 50",
                ratio(many, times["engine,    50"]),
                2,
                at_least=False,
            ),
        ]
    print("drop-oldest: send and take, 1000 subscribers that keep up, ns a delivery")
    deliveries = {f"engine, {k:>2} at a time": engine_delivery(1000, k) for k in (1, 16)}
    deliveries |= {f"deque,  {k:>2} at a time": deque_delivery(1000, k) for k in (1, 16)}
    for name, values in in_turns(deliveries).items():
        count = 1000 * int(name.split()[1])
        print(f"  {name}  {statistics.median(values) / count:>10,.1f}")
    return figures


def main() -> int:
    return 0 if all(figure.met for figure in measure()) else 1


if __name__ == "__main__":
    sys.exit(main())
