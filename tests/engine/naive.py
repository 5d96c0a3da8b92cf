"""The rules HUB to ACC once more: plain lists, every fate written down at once, no cleverness.

It shares no code with the engine and knows nothing of it. What it refuses, it refuses by rule id.
"""

import copy
import json
import math
from collections.abc import Iterable
from typing import Any


class RefusedError(Exception):
    """A call that a rule refuses."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def check_json(value: object, depth: int = 1) -> None:
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise RefusedError("PUB-3")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise RefusedError("PUB-3")
    elif isinstance(value, list | dict):
        if depth > 100:
            raise RefusedError("PUB-3")
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    raise RefusedError("PUB-3")
                check_json(key)
            value = list(value.values())
        for item in value:
            check_json(item, depth + 1)
    elif not (value is None or isinstance(value, bool | int)):
        raise RefusedError("PUB-3")


def check_event(kind: object, data: object, max_event_bytes: int) -> None:
    if not isinstance(kind, str) or kind == "":
        raise RefusedError("PUB-3")
    for letter in kind:
        if letter in "\r\n\0" or "\ud800" <= letter <= "\udfff":
            raise RefusedError("PUB-3")
    check_json(data)
    if size_of(data) > max_event_bytes:
        raise RefusedError("PUB-3")


def size_of(data: object) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())


class Message:
    def __init__(self, seq: int, kind: str, data: object, sent: int, offered: int) -> None:
        self.seq = seq
        self.kind = kind
        self.data = copy.deepcopy(data)
        self.sent = sent
        self.offered = offered

    def bytes(self) -> int:
        return len(self.kind.encode()) + size_of(self.data)

    def facts(self) -> tuple[int, str, Any, int, int]:
        return (self.seq, self.kind, self.data, self.sent, self.offered)


class Options:
    def __init__(self, size: int, policy: str, ttl: int | None, written: Iterable[str]) -> None:
        self.size = size
        self.policy = policy
        self.ttl = ttl
        self.written = list(written)

    def values(self) -> tuple[int, str, int | None]:
        return (self.size, self.policy, self.ttl)


class Handle:
    def __init__(self, project: str, name: str, options: Options | None) -> None:
        self.project = project
        self.name = name
        self.options = options


class Channel:
    def __init__(self, project: str, name: str, options: Options) -> None:
        self.project = project
        self.name = name
        self.options = Options(*options.values(), options.written)
        self.last = 0
        self.made = False
        self.history: list[Message] = []
        self.kept: list[int] = []  # seqs of the newest messages, also of those forgotten since
        self.subs: list[Sub] = []
        self.births = 0

    def expired(self, message: Message, now: int) -> bool:
        ttl = self.options.ttl
        return ttl is not None and not now - message.sent < ttl

    def ready(self) -> "list[Sub]":
        return [sub for sub in self.subs if sub.queue and not sub.collected]

    def held(self) -> list[Message]:
        held = {message.seq: message for message in self.history}
        for sub in self.subs:
            for message in sub.queue:
                held[message.seq] = message
        return list(held.values())

    def memory(self) -> int:
        return sum(message.bytes() for message in self.held())

    def forget(self, now: int) -> bool:
        """A channel that nobody can read from forgets its history; says whether it had one."""
        if self.subs or not self.history:
            return False
        if not all(self.expired(message, now) for message in self.history):
            return False
        self.history = []
        return True


class Sub:
    def __init__(self, channel: Channel, birth: int) -> None:
        self.channel = channel
        self.birth = birth
        self.queue: list[Message] = []
        self.fate: dict[int, str] = {}  # seq -> fate, for each message that was offered
        self.replayed: list[int] = []
        self.resumed: int | None = None
        self.closed = False
        self.collected = False

    def fates(self) -> dict[str, int]:
        names = ["taken", "dropped-oldest", "dropped-newest", "expired", "discarded", "pending"]
        given = list(self.fate.values())
        return {name: given.count(name) for name in names}

    def end(self) -> None:
        self.closed = True
        for message in self.queue:
            self.fate[message.seq] = "discarded"
        self.queue = []


class Hub:
    def __init__(
        self, epoch: str, max_event_bytes: int, max_channels: int, resume: bool = False
    ) -> None:
        self.resume = resume
        self.epoch = epoch
        self.epochs = [epoch]
        self.max_event_bytes = max_event_bytes
        self.max_channels = max_channels
        self.now: int | None = None
        self.channels: list[Channel] = []
        self.ready: list[Channel] = []  # channels, in order of becoming ready
        self.wakes: list[
            tuple[str, str, int, list[int]]
        ] = []  # (project, name, last seq, pending of each subscription)
        self.rows: list[tuple[Sub, int, str, int]] = []  # (sub, seq, fate, time)

    def find(self, project: str, name: str) -> Channel | None:
        for channel in self.channels:
            if channel.project == project and channel.name == name:
                return channel
        return None

    def of_project(self, project: str) -> list[Channel]:
        return [channel for channel in self.channels if channel.project == project]

    def check_time(self, now: object) -> None:
        if isinstance(now, bool) or not isinstance(now, int):
            raise RefusedError("HUB-3")
        if self.now is not None and now < self.now:
            raise RefusedError("HUB-3")

    def settle(self) -> None:
        """After each change: who has nothing pending is nobody's; who became ready is told."""
        for channel in self.channels:
            for sub in channel.subs:
                if not sub.queue:
                    sub.collected = False
        before = self.ready
        self.ready = [channel for channel in before if channel.ready()]
        for channel in self.channels:
            if channel.ready() and channel not in before:
                self.ready.append(channel)
                pending = [len(sub.queue) for sub in channel.subs]
                self.wakes.append((channel.project, channel.name, channel.last, pending))

    def handle(self, project: str, name: str, options: Options | None) -> Handle:
        size = len(name.encode()) if not any("\ud800" <= a <= "\udfff" for a in name) else 0
        if not 1 <= size <= 200 or any(a < " " or "\x7f" <= a <= "\x9f" for a in name):
            raise RefusedError("CHN-5")
        handle = Handle(project, name, options)
        if options is not None:
            self.bind(handle)
        return handle

    def bind(self, handle: Handle) -> Channel:
        channel = self.find(handle.project, handle.name)
        if channel is None:
            if len(self.of_project(handle.project)) == self.max_channels:
                raise RefusedError("CHN-5")
            options = handle.options
            if options is None:
                options = Options(64, "drop-oldest", None, [])
            channel = Channel(handle.project, handle.name, options)
            self.channels.append(channel)
        elif handle.options is not None:
            if handle.options.values() != channel.options.values():
                raise RefusedError("CHN-2")
            channel.options.written += handle.options.written
        return channel

    def send(self, handle: Handle, kind: str, data: object, now: int) -> tuple[int, int]:
        check_event(kind, data, self.max_event_bytes)
        self.check_time(now)
        channel = self.bind(handle)
        self.now = now
        channel.made = True
        channel.last += 1
        message = Message(channel.last, kind, data, now, len(channel.subs))
        for sub in channel.subs:
            if len(sub.queue) == channel.options.size:
                if channel.options.policy == "drop-newest":
                    sub.fate[message.seq] = "dropped-newest"
                    self.rows.append((sub, message.seq, "dropped-newest", now))
                    continue
                lost = sub.queue.pop(0)
                sub.fate[lost.seq] = "dropped-oldest"
                self.rows.append((sub, lost.seq, "dropped-oldest", now))
            sub.queue.append(message)
            sub.fate[message.seq] = "pending"
        channel.history.append(message)
        if len(channel.history) > channel.options.size:
            channel.history.pop(0)
        channel.kept.append(message.seq)
        if len(channel.kept) > channel.options.size:
            channel.kept.pop(0)
        self.settle()
        return message.seq, len(channel.subs)

    def had_last(self, channel: Channel, last_event_id: str | None) -> int | None:
        """The variant `resume`: which message the id names, if all later ones are still there."""
        if not self.resume or last_event_id is None:
            return None
        for seq in range(1, channel.last + 1):
            if last_event_id == self.epoch + ":" + str(seq):
                later = range(seq + 1, channel.last + 1)
                return seq if all(one in channel.kept for one in later) else None
        return None

    def subscribe(
        self,
        handle: Handle,
        last_n: int | None,
        max_age: int | None,
        now: int,
        last_event_id: str | None = None,
    ) -> Sub:
        self.check_time(now)
        channel = self.bind(handle)
        self.now = now
        channel.made = True
        channel.births += 1
        sub = Sub(channel, channel.births)
        sub.resumed = self.had_last(channel, last_event_id)
        if sub.resumed is not None:
            for message in channel.history:
                if message.seq > sub.resumed and not channel.expired(message, now):
                    sub.queue.append(message)
        elif last_n is not None or max_age is not None:
            for message in channel.history:
                fits = not channel.expired(message, now)
                if max_age is not None and now - message.sent > max_age:
                    fits = False
                if fits:
                    sub.queue.append(message)
            if last_n is not None:
                while len(sub.queue) > last_n:
                    sub.queue.pop(0)
        for message in sub.queue:
            sub.fate[message.seq] = "pending"
            sub.replayed.append(message.seq)
        channel.subs.append(sub)
        self.settle()
        return sub

    def take(self, sub: Sub, now: int, limit: int) -> list[Message]:
        self.check_time(now)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise RefusedError("DLV-1")
        self.now = now
        taken: list[Message] = []
        while sub.queue and len(taken) < limit:
            message = sub.queue.pop(0)
            if sub.channel.expired(message, now):
                sub.fate[message.seq] = "expired"
                self.rows.append((sub, message.seq, "expired", now))
            else:
                sub.fate[message.seq] = "taken"
                taken.append(message)
        self.settle()
        return taken

    def close(self, sub: Sub, now: int) -> None:
        self.check_time(now)
        self.now = now
        if sub.closed:
            return
        for message in sub.queue:
            self.rows.append((sub, message.seq, "discarded", now))
        sub.end()
        sub.channel.subs.remove(sub)
        sub.channel.forget(now)
        self.settle()

    def collect(self, project: str, name: str) -> list[Sub]:
        channel = self.find(project, name)
        if channel is None:
            return []
        found = channel.ready()
        for sub in found:
            sub.collected = True
        self.settle()
        return found

    def forget(self, now: int) -> int:
        self.check_time(now)
        self.now = now
        return len([channel for channel in self.channels if channel.forget(now)])

    def restart(self, epoch: str, now: int) -> None:
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
        if not 1 <= len(epoch) <= 64 or any(letter not in letters for letter in epoch):
            raise RefusedError("HUB-2")
        if epoch in self.epochs[-2:]:
            raise RefusedError("HUB-2")
        self.check_time(now)
        self.now = now
        for channel in self.channels:
            for sub in channel.subs:
                sub.end()
        self.channels = []
        self.ready = []
        self.epoch = epoch
        self.epochs.append(epoch)
