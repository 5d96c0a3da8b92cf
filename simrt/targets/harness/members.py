"""The clients of a run: made from the scenario's groups, with the named draws of the seed.

What is around a client differs by target: its network, where its rows go, who knows the server's
lives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from simrt.client import Client, Dial, Endpoint, Head, Reconnect
from simrt.client.reconnect import AT_ONCE
from simrt.clock import Clock
from simrt.history import UNTOLD, digest_of
from simrt.scenario.model import Scenario, Subscribers
from simrt.scenario.randomness import Draws, Randomness
from simrt.sse import MAX_EVENT_BYTES, Event, parse_event_id
from simrt.targets.harness.credentials import Credentials, needed


@lru_cache(maxsize=4096)
def size_and_digest(data: str) -> tuple[int, str]:
    """What a row says of the data that arrived."""
    encoded = data.encode()
    return len(encoded), digest_of(encoded)


class Sink(Protocol):
    """Takes rows, and stamps them with the scenario time at which they are told."""

    def write(self, kind: str, **columns: Any) -> None:
        """A row that happens now."""
        ...

    def received(self, data: str, **columns: Any) -> None:
        """A `receive` row: size and digest are those of the data that arrived."""
        ...


class Lives(Protocol):
    """What the harness knows of the server's lives."""

    @property
    def current(self) -> int:
        """The number of the life that a stream that begins now belongs to, from 0."""
        ...

    def number(self, epoch: str) -> int:
        """The how-many-th life bears this name, from 0."""
        ...

    def epoch(self, number: int) -> str:
        """The name of a life; empty where it is not known."""
        ...


class Network(Protocol):
    """One client's network."""

    @property
    def dial(self) -> Dial:
        """How to connect."""
        ...

    @property
    def untold(self) -> bool:
        """Whether the connection that the client uses is dead, and nobody told it (NET-7)."""
        ...

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, for one more reason, and nobody is told (NET-7)."""
        ...

    def restore(self, why: str, *, dead: bool = False) -> None:
        """One reason is gone; with the last, what is under way arrives.

        Arguments:
            why: the reason.
            dead: whether the network lost the connections for good.
        """
        ...

    def close(self) -> None:
        """End everything without a word."""
        ...


class Rows:
    """A client's observer: turns what it hears into rows.

    Arguments:
        sink: where rows go.
        play: the scenario whose stream the client reads.
        name: `GROUP/MEMBER`.
        lives: the server's lives.
        detail: what else stands in the detail of its `refuse`, `gave-up` and `close` rows.
    """

    def __init__(
        self,
        sink: Sink,
        play: Scenario,
        name: str,
        lives: Lives,
        detail: dict[str, Any] | None = None,
    ) -> None:
        self._sink = sink
        self._where = {"project": play.feature.project, "channel": play.feature.channel}
        self._name = name
        self._lives = lives
        self._detail = detail or {}
        self._epoch = ""
        self._life = 0

    def opened(self, connection: int, head: Head) -> None:  # noqa: ARG002 - the interface
        """A stream began: it belongs to the life that runs now, unless an event says otherwise."""
        self._epoch = ""
        self._life = self._lives.current

    def receive(self, connection: int, event: Event) -> None:
        """An event was handled."""
        epoch, seq = parse_event_id(event.last_event_id) or ("", 0)
        self._epoch = epoch or self._epoch
        self._sink.received(
            event.data,
            **self._where,
            epoch=epoch,
            seq=seq,
            event=event.type,
            subscriber=self._name,
            connection=connection,
        )

    def refuse(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """An attempt failed."""
        self._about("refuse", connection, cause, detail or {})

    def gave_up(self, connection: int, cause: str, detail: dict[str, Any] | None) -> None:
        """It will not try again."""
        self._about("gave-up", connection, cause, detail or {})

    def close(self, connection: int, cause: str, received: int) -> None:
        """A stream ended."""
        detail = {"side": "client", "received": received}
        self._about("close", connection, cause, detail, self._where_it_was())

    def end(self, connection: int, received: int, cause: str = "") -> None:
        """The stream is still open as the run ends."""
        detail = {"side": "client", "received": received}
        self._about("end", connection, cause, detail, self._where_it_was())

    def _where_it_was(self) -> str:
        return self._epoch or self._lives.epoch(self._life)

    def offline(self) -> None:
        """Its network went away."""
        self._sink.write("offline", subscriber=self._name)

    def online(self) -> None:
        """Its network came back."""
        self._sink.write("online", subscriber=self._name)

    def silence(self, kind: str, detail: dict[str, Any] | None = None) -> None:
        """Its network falls silent (`offline`), or is silent no more (`online`)."""
        self._sink.write(kind, subscriber=self._name, cause="silent", detail=detail)

    def _about(
        self, kind: str, connection: int, cause: str, detail: dict[str, Any], epoch: str = ""
    ) -> None:
        self._sink.write(
            kind,
            **self._where,
            epoch=epoch,
            subscriber=self._name,
            connection=connection,
            cause=cause,
            detail={**detail, **self._detail} or None,
        )


def reconnect_of(group: Subscribers) -> Reconnect:
    """A group's waiting rule."""
    policy = group.reconnect
    if policy == "at-once":
        return AT_ONCE
    return Reconnect(policy.after_ns, policy.jitter_ns, policy.backoff, policy.at_most_ns)


class Member:
    """One member of a group: a client and its rows.

    Arguments:
        play: the scenario that the group stands in.
        group: the group's name.
        number: its number in the group, from 0.
        clock: scenario time.
        address: host and port of the server.
        rows: what it tells of itself.
        network: its own.
        lives: the server's lives.
        randomness: the named draws.
        credentials: what it shows.

    Attributes:
        credential: what a server must revoke to shut it out.
    """

    def __init__(
        self,
        play: Scenario,
        group: str,
        number: int,
        *,
        clock: Clock,
        address: tuple[str, int],
        rows: Rows,
        network: Network,
        lives: Lives,
        randomness: Randomness,
        credentials: Credentials,
    ) -> None:
        self.settings = play.workload.subscribers[group]
        self.name = f"{group}/{number}"
        self.number = number
        self.rows = rows
        self.network = network
        self._factors: dict[str, float] = {}
        stream = play.feature.stream
        shown = credentials.headers(
            self.settings.credentials, play.feature.project, stream.permission, "GET", self.name
        )
        who = needed(stream.permission, "GET")
        # By this name the server revokes what the member shows; a token is one for all.
        self.credential = (play.feature.project, who if who != "user" else f"user:{self.name}")
        self.client = Client(
            clock,
            endpoint_of(play, address),
            self.rows,
            drain=self._drain(lives, randomness),
            reconnect=reconnect_of(self.settings),
            jitter=randomness.uniform(f"reconnect/{self.name}").at,
            patient=self.settings.client == "patient",
            watchdog_ns=self.settings.watchdog_ns,
            headers=named(self.name, shown),
            dial=network.dial,
            name=self.name,
            max_event_bytes=max(MAX_EVENT_BYTES, 2 * play.server.max_event_bytes),
        )

    def _drain(self, lives: Lives, randomness: Randomness) -> Callable[[str, int], int]:
        streams: dict[int, Draws] = {}

        def drain(epoch: str, seq: int) -> int:
            life = lives.number(epoch)
            if life not in streams:
                name = f"drain/{self.name}/{life}"
                streams[life] = randomness.draws(name, self.settings.drain)
            drain_ns = streams[life].at(seq)
            return (
                round(drain_ns * math.prod(self._factors.values())) if self._factors else drain_ns
            )

        return drain

    def stall(self) -> None:
        """It stops reading (NET-6)."""
        self.client.stall()

    def resume(self) -> None:
        """It reads on."""
        self.client.heal()

    def slow_down(self, why: str, factor: float) -> None:
        """Each event that it begins to handle takes so many times as long; factors multiply."""
        self._factors[why] = factor

    def speed_up(self, why: str) -> None:
        """One such factor is gone."""
        del self._factors[why]

    def connect(self) -> None:
        """Dial at scenario time 0."""
        self.client.dial_at(0)

    def go_offline(self, why: str, cause: str) -> None:  # noqa: ARG002 - the client counts
        """The network goes away and tells the client."""
        self.client.go_offline(cause)

    def go_online(self, why: str) -> None:  # noqa: ARG002
        """One reason for the network's absence is gone."""
        self.client.go_online()

    def blackhole(self, why: str) -> None:
        """Nothing passes from now on, and nobody is told (NET-7)."""
        self.network.blackhole(why)

    def restore(self, why: str, *, dead: bool = False) -> None:
        """One reason for the silence is gone."""
        self.network.restore(why, dead=dead)

    def disconnect(self) -> None:
        """The connection is cut, the network stays."""
        self.client.disconnect()

    def log_in_again(self) -> None:
        """Its credentials are good again."""
        self.client.log_in_again()

    def close(self) -> None:
        """End everything without a word."""
        self.client.close()
        self.network.close()

    def end(self) -> None:
        """Say what it holds when the run ends."""
        if self.client.opened:
            cause = UNTOLD if self.network.untold and self.client.idle else ""
            self.rows.end(self.client.attempt, self.client.received, cause)


def endpoint_of(play: Scenario, address: tuple[str, int]) -> Endpoint:
    """Where a scenario's stream is on the server."""
    return Endpoint(*address, f"/{play.feature.project}{play.feature.stream.path}")


def named(
    name: str, shown: tuple[tuple[str, str], ...]
) -> Callable[[int], tuple[tuple[str, str], ...]]:
    """Request headers that say who the connection is, so that the server's rows can."""
    return lambda attempt: (
        ("simrt-subscriber", name),
        ("simrt-connection", str(attempt)),
        *shown,
    )
