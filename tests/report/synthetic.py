"""A small stand-in for a target: histories in the documented format, for tests of drawing only.

It knows queues, windows, latency, replay, stalls, disconnects and a restart, roughly. What the
report makes of real runs is tested with real runs.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simrt.history import FORMAT, Header, History, Row
from simrt.scenario.model import Scenario

S = 1_000_000_000


@dataclass
class _Client:
    name: str
    group: str
    latency: int
    drain: int
    window: int
    connection: int = 0
    queue: list[int] = field(default_factory=list)
    flight: list[int] = field(default_factory=list)
    open: bool = False
    stalled: bool = False
    busy: bool = False
    received: int = 0


def scenario(**changes: Any) -> Scenario:
    """The admin notifications of the harness document, small; keys of the file can be replaced."""
    data: dict[str, Any] = {
        "title": "Live admin notifications",
        "question": "What does an office with a tab in the background miss?",
        "intent": {"kind": "notifications", "useful_for": "30s", "needs": []},
        "feature": {
            "project": "shop",
            "channel": "admin-notifications",
            "options": {"bufferSize": 8, "onFull": "drop-oldest", "messageTTL": "20s"},
            "stream": {
                "path": "/admin/notifications",
                "permission": {"user": ["GET"]},
                "replay": {"lastN": 3},
            },
            "events": {
                "content-updated": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["id", "status"],
                    "properties": {
                        "id": {"type": "string"},
                        "status": {"enum": ["draft", "published"]},
                    },
                    "examples": [{"id": "7", "status": "published"}],
                }
            },
            "senders": [
                {
                    "hook": "POST /content",
                    "permission": {"token:editor": ["POST"]},
                    "sends": "content-updated",
                },
            ],
        },
        "workload": {
            "duration": "60s",
            "publish": [{"event": "content-updated", "arrivals": {"poisson": "2/s"}}],
            "subscribers": {
                "office": {"count": 6, "drain": "20ms", "latency": "5ms", "window": 4},
                "train": {"count": 3, "drain": "200ms", "latency": "50ms", "window": 4},
            },
        },
        "faults": [
            {"at": "12s", "stall": "office", "for": "10s"},
            {"at": "30s", "disconnect": "train", "for": "8s"},
            {"at": "45s", "restart": "server", "for": "2s"},
        ],
        "expect": ["missed_fraction(office) <= 0.2"],
    }
    data.update(changes)
    return Scenario.model_validate(data)


class _Play:
    def __init__(self, scene: Scenario, target: str, seed: int) -> None:
        self.scene = scene
        self.random = random.Random(seed)
        self.heap: list[tuple[int, int, Callable[[int], None]]] = []
        self.turn = 0
        self.rows: list[Row] = []
        feature = scene.feature
        self.where = {"project": feature.project, "channel": feature.channel}
        self.capacity = feature.options.buffer_size
        self.newest = feature.options.on_full == "drop-newest"
        self.epoch, self.life, self.up = "e1", 1, True
        self.history: list[int] = []
        self.seq = 0
        self.sent: dict[int, int] = {}
        self.down_for_all = False
        self.clients: list[_Client] = []
        for group, sub in scene.workload.subscribers.items():
            for member in range(sub.count):
                self.clients.append(
                    _Client(
                        f"{group}/{member}",
                        group,
                        sub.latency_ns,
                        int(sub.drain.mean_ns),
                        sub.window_msgs or 16,
                    )
                )
        self.cut: set[str] = set()
        self.header = Header(
            FORMAT,
            scene.normalised(),
            target,
            seed,
            window={}
            if target == "sim"
            else {g: {"messages": 34, "bytes": 6800} for g in scene.workload.subscribers},
            speed=1.0 if target == "sim" else 4.0,
            resolution_ns=0 if target == "sim" else 8_000_000,
            versions={"python": "3.11.7", "simrt": "0.1.0"},
        )

    def later(self, t: int, what: Callable[[int], None]) -> None:
        self.turn += 1
        heapq.heappush(self.heap, (t, self.turn, what))

    def row(self, t: int, kind: str, client: _Client | None = None, **more: Any) -> None:
        fields: dict[str, Any] = {**self.where, "epoch": self.epoch}
        if client is not None:
            fields |= {"subscriber": client.name, "connection": client.connection}
        self.rows.append(Row(t, kind, **{**fields, **more}))

    def run(self) -> History:
        end = self.scene.workload.duration_ns
        for publish in self.scene.workload.publish:
            rate = (publish.arrivals.poisson or publish.arrivals.periodic).per_s  # type: ignore[union-attr]
            t = 0.0
            while True:
                t += self.random.expovariate(rate)
                if t * S >= end:
                    break
                self.later(int(t * S), lambda now, e=publish.event: self.send(now, e))
        for client in self.clients:
            self.later(3 * client.latency, lambda now, c=client: self.connect(now, c))
        for index, fault in enumerate(self.scene.faults):
            self.later(fault.at_ns, lambda now, i=index, f=fault: self.fault(now, i, f))
            self.later(fault.heals_ns, lambda now, i=index, f=fault: self.heal(now, i, f))
        last = 0
        while self.heap:
            last, _, what = heapq.heappop(self.heap)
            what(last)
        last = max(last, end)
        self.rows.append(Row(last, "end", detail={"run": "complete"}))
        return History(self.header, self.rows)

    def send(self, now: int, event: str) -> None:
        if not self.up:
            self.row(now, "reject", event=event, cause="down")
            return
        self.seq += 1
        seq = self.seq
        self.sent[seq] = now
        self.history = [*self.history, seq][-self.capacity :]
        self.row(now, "send", seq=seq, event=event, bytes=31, digest="d")
        for client in self.clients:
            if client.open:
                self.offer(now, client, seq)
                self.pump(now, client)

    def offer(self, now: int, client: _Client, seq: int) -> None:
        if len(client.queue) >= self.capacity:
            lost = seq if self.newest else client.queue.pop(0)
            cause = "drop-newest" if self.newest else "drop-oldest"
            self.row(now, "drop", client, seq=lost, cause=cause)
            if self.newest:
                return
        client.queue.append(seq)

    def pump(self, now: int, client: _Client) -> None:
        ttl = self.scene.feature.options.message_ttl_ns
        while client.open and client.queue and len(client.flight) < client.window:
            seq = client.queue.pop(0)
            if ttl is not None and now - self.sent[seq] >= ttl:
                self.row(now, "expire", client, seq=seq, cause="ttl")
                continue
            client.flight.append(seq)
            self.row(now, "take", client, seq=seq, event="content-updated", bytes=31)
        self.handle(now, client)

    def handle(self, now: int, client: _Client) -> None:
        if client.busy or client.stalled or not client.flight:
            return
        client.busy = True
        connection, epoch = client.connection, self.epoch
        jitter = int(self.random.expovariate(1) * client.drain)
        done = now + client.latency + jitter
        self.later(done, lambda t: self.done(t, client, connection, epoch))

    def done(self, now: int, client: _Client, connection: int, epoch: str) -> None:
        if connection != client.connection or not client.flight:
            return
        client.busy = False
        if client.stalled:
            return
        seq = client.flight.pop(0)
        client.received += 1
        self.row(now, "receive", client, seq=seq, event="content-updated", epoch=epoch)
        self.pump(now, client)

    def connect(self, now: int, client: _Client) -> None:
        if client.name in self.cut or not self.up or client.open:
            self.later(now + 3 * S, lambda t: self.connect(t, client))
            return
        client.connection += 1
        client.open, client.busy, client.flight, client.queue = True, False, [], []
        replay = self.scene.feature.stream.replay
        last = self.history[-replay.last_n :] if replay.last_n else []
        self.row(now, "connect", client, detail={"status": 200})
        limits = {"last_n": replay.last_n, "max_age_ns": replay.max_age_ns}
        first, final = (last[0], last[-1]) if last else (0, 0)
        span = {"count": len(last), "first": first, "last": final}
        self.row(now, "replay", client, detail={**span, **limits})
        client.queue = list(last)
        self.pump(now, client)

    def end_of(self, now: int, client: _Client, cause: str) -> None:
        if client.open:
            client.open = False
            seen = {"side": "server", "fates": {}, "pending": list(client.queue)}
            self.row(now, "close", client, cause="client", detail=seen)
            mine = {"side": "client", "received": client.received}
            self.row(now, "close", client, cause=cause, detail=mine)
            client.queue, client.flight, client.busy = [], [], False

    def fault(self, now: int, index: int, fault: Any) -> None:
        detail = {"index": index, "whom": fault.whom}
        self.row(now, "fault", cause=fault.kind, detail=detail)
        if fault.kind == "restart":
            self.row(now, "restart", cause="server")
            self.up = False
            for client in self.clients:
                if client.open:
                    client.open = False
                    mine = {"side": "client", "received": client.received}
                    self.row(now, "close", client, cause="server", detail=mine)
                    client.queue, client.flight, client.busy = [], [], False
                    wait = 2 * S + int(self.random.random() * 3 * S)
                    self.later(now + wait, lambda t, c=client: self.connect(t, c))
            self.history, self.seq = [], 0
        for client in self.clients:
            if client.group == fault.whom and fault.kind == "stall":
                client.stalled, client.busy = True, False
            if client.group == fault.whom and fault.kind == "disconnect":
                self.cut.add(client.name)
                self.end_of(now, client, "disconnect")
                self.later(now + 3 * S, lambda t, c=client: self.connect(t, c))

    def heal(self, now: int, index: int, fault: Any) -> None:
        more = {}
        if fault.kind == "restart":
            self.life += 1
            self.up = True
            self.epoch = f"e{self.life}"
            more = {"epoch": self.epoch}
        detail = {"index": index, "whom": fault.whom}
        self.row(now, "heal", cause=fault.kind, detail=detail, **more)
        for client in self.clients:
            if client.group == fault.whom:
                self.cut.discard(client.name)
                if fault.kind == "stall":
                    client.stalled = False
                    self.handle(now, client)


def play(scene: Scenario | None = None, target: str = "sim", seed: int = 1) -> History:
    """A history of the scenario; same arguments, same rows."""
    return _Play(scene or scenario(), target, seed).run()
