"""Steps per second of the engine's state machine, against the same machine on a toy engine.

    python -m benchmarks.machine

The toy keeps every rule with plain lists: it is the naive twin of the tests once more, behind the
engine's names. So both contestants make the same random calls, by the same seeds, and compare the
same facts after each; only the engine differs. They run in one process, in turns; the order is
reversed each round, and the clock is the CPU's. The ratio is the median of each round's ratio. Ends
with 1 if it misses its target.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, cast

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from benchmarks.figures import Figure
from simrt.engine import ChannelOptions, EncodedEvent, EngineError, Hub, ReplayOptions
from tests.engine import naive
from tests.engine.machine import EngineMachine, naive_options

ROUNDS: Final = 7
EXAMPLES: Final = 60
STEPS: Final = 50
TARGET: Final = 0.8


class ToyError(EngineError):
    """What the toy refuses, by rule."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class ToySubscription:
    def __init__(self, hub: ToyHub, channel: ToyChannel, sub: naive.Sub) -> None:
        self.hub = hub
        self.channel = channel
        self.sub = sub
        self.birth = sub.birth
        self.replayed = list(sub.replayed)
        self.resumed = sub.resumed

    def take(self, now: int, limit: int) -> list[Any]:
        taken = self.hub.call(lambda: self.hub.toy.take(self.sub, now, limit))
        return [
            SimpleNamespace(seq=m.seq, event=m.kind, data=m.data, sent_ns=m.sent, offered=m.offered)
            for m in taken
        ]

    def close(self, now: int) -> None:
        self.hub.call(lambda: self.hub.toy.close(self.sub, now))

    def pending_seqs(self) -> list[int]:
        return [message.seq for message in self.sub.queue]

    @property
    def fates(self) -> dict[str, int]:
        return self.sub.fates()

    @property
    def offered(self) -> int:
        return len(self.sub.fate)

    @property
    def closed(self) -> bool:
        return self.sub.closed

    @property
    def pending(self) -> int:
        return len(self.sub.queue)


class ToyChannel:
    def __init__(self, hub: ToyHub, handle: naive.Handle) -> None:
        self.hub = hub
        self.handle = handle
        self.project = handle.project
        self.name = handle.name

    def send(self, kind: Any, data: Any, now: int) -> Any:
        seq, offered = self.hub.call(lambda: self.hub.toy.send(self.handle, kind, data, now))
        return SimpleNamespace(seq=seq, offered=offered)

    def send_encoded(self, event: EncodedEvent, now: int) -> Any:
        return self.send(event.event, json.loads(event.encoded), now)

    def subscribe(
        self, replay: ReplayOptions, *, now: int, last_event_id: str | None = None
    ) -> ToySubscription:
        sub = self.hub.call(
            lambda: self.hub.toy.subscribe(
                self.handle, replay.last_n, replay.max_age_ns, now, last_event_id
            )
        )
        made = ToySubscription(self.hub, self, sub)
        self.hub.subscriptions[sub] = made
        return made

    def collect_ready(self) -> list[ToySubscription]:
        found = self.hub.call(lambda: self.hub.toy.collect(self.project, self.name))
        return [self.hub.subscriptions[sub] for sub in found]

    @property
    def there(self) -> naive.Channel | None:
        return self.hub.toy.find(self.project, self.name)

    @property
    def bound(self) -> bool:
        return self.there is not None

    @property
    def made(self) -> bool:
        channel = self.there
        return channel is not None and channel.made

    @property
    def last_seq(self) -> int:
        channel = self.there
        return channel.last if channel else 0

    @property
    def history(self) -> tuple[naive.Message, ...]:
        channel = self.there
        return tuple(channel.history) if channel else ()

    @property
    def held(self) -> int:
        channel = self.there
        return len(channel.held()) if channel else 0

    @property
    def memory_bytes(self) -> int:
        channel = self.there
        return channel.memory() if channel else 0

    @property
    def subscriptions(self) -> list[Any]:
        channel = self.there
        return [SimpleNamespace(pending=len(sub.queue)) for sub in channel.subs] if channel else []

    @property
    def options(self) -> Any:
        assert self.there is not None
        size, policy, ttl = self.there.options.values()
        return SimpleNamespace(buffer_size=size, on_full=policy, message_ttl_ns=ttl)

    @property
    def undecided(self) -> list[str]:
        assert self.there is not None
        names = ("buffer_size", "on_full", "message_ttl_ns")
        return [name for name in names if name not in self.there.options.written]


class ToyProject:
    def __init__(self, hub: ToyHub, name: str) -> None:
        self.hub = hub
        self.name = name

    def channel(self, name: str, options: ChannelOptions | None = None) -> ToyChannel:
        written = None
        if options is not None:
            given = {key: getattr(options, key) for key in options.decided}
            written = naive_options(given)
        return ToyChannel(
            self.hub, self.hub.call(lambda: self.hub.toy.handle(self.name, name, written))
        )

    @property
    def channels(self) -> list[naive.Channel]:
        return self.hub.toy.of_project(self.name)


class ToyHub:
    def __init__(
        self,
        epoch: str,
        on_ready: Callable[[Any], None],
        on_fate: object,
        *,
        max_event_bytes: int,
        max_channels: int,
        variants: object,
    ) -> None:
        del on_fate, variants
        self.toy = naive.Hub(epoch, max_event_bytes, max_channels)
        self.on_ready = on_ready
        self.subscriptions: dict[naive.Sub, ToySubscription] = {}

    def call(self, step: Callable[[], Any]) -> Any:
        """Do one step of the toy; then tell who became ready (HUB-4)."""
        try:
            done = step()
        except naive.RefusedError as error:
            raise ToyError(error.rule) from None
        wakes, self.toy.wakes = self.toy.wakes, []
        self.toy.rows.clear()
        for project, name, _, _ in wakes:
            self.on_ready(ToyChannel(self, naive.Handle(project, name, None)))
        return done

    def project(self, name: str) -> ToyProject:
        return ToyProject(self, name)

    def forget(self, now: int) -> int:
        forgotten: int = self.call(lambda: self.toy.forget(now))
        return forgotten

    def restart(self, epoch: str, now: int) -> None:
        self.call(lambda: self.toy.restart(epoch, now))

    @property
    def epoch(self) -> str:
        return self.toy.epoch

    @property
    def now(self) -> int | None:
        return self.toy.now

    @property
    def ready_channels(self) -> list[naive.Channel]:
        return self.toy.ready

    @property
    def memory_bytes(self) -> int:
        return sum(channel.memory() for channel in self.toy.channels)


class Engine(EngineMachine):
    """The machine on the engine."""

    steps = 0

    @invariant()
    def count(self) -> None:
        type(self).steps += 1


class Toy(EngineMachine):
    """The machine on the toy."""

    hub = cast("type[Hub]", ToyHub)
    steps = 0

    @invariant()
    def count(self) -> None:
        type(self).steps += 1


def steps_per_s(machine: type[Engine | Toy], number: int) -> float:
    """Run a machine once, by one seed."""
    machine.steps = 0
    how = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    begin = time.process_time()
    run_state_machine_as_test(seed(number)(machine), settings=how)
    return machine.steps / (time.process_time() - begin)


def measure() -> list[Figure]:
    ratios = []
    contestants: list[type[Engine | Toy]] = [Engine, Toy]
    for machine in contestants:
        steps_per_s(machine, 0)  # what is loaded or compiled once is not measured
    for number in range(1, ROUNDS + 1):
        order = contestants if number % 2 else contestants[::-1]
        speeds = {machine.__name__: steps_per_s(machine, number) for machine in order}
        ratios.append(speeds["Engine"] / speeds["Toy"])
        print(
            f"  round {number}: engine {speeds['Engine']:>6,.0f} steps/s, "
            f"toy {speeds['Toy']:>6,.0f} steps/s, ratio {ratios[-1]:.2f}"
        )
    ratio = statistics.median(ratios)
    return [Figure("the state machine on the engine, against the same on a toy", ratio, TARGET)]


def main() -> int:
    return 0 if all(figure.met for figure in measure()) else 1


if __name__ == "__main__":
    sys.exit(main())
