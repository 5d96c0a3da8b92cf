"""Two engines side by side, and one random caller of both.

Every step is made on the real engine and on the naive one; then everything that can be read must
be equal. Values are small (buffers of 1 to 4 messages, times of a few nanoseconds), so that the
boundaries of the rules are met all the time. Run it longer with the variables that
``test_machine.py`` names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simrt.engine import (
    Channel,
    ChannelOptions,
    EngineError,
    Fate,
    Hub,
    Message,
    ReplayOptions,
    Subscription,
    Variants,
    encode_event,
)

from . import naive

MAX_EVENT_BYTES = 12
MAX_CHANNELS = 2
PROJECTS = ("shop", "blog")
NAMES = ("news", "état", "x" * 200)
EPOCHS = ("a1", "a2", "a3", "a2", "a1", "", "a 1", "a" * 65)
IDS = (*["{epoch}:{seq}"] * 6, "a0:{seq}", "{epoch}:0{seq}", "{epoch}:", "{seq}", "")
BAD_NAMES = ("", "x" * 201, "é" * 101, "a\nb", "a\x7fb", "\ud800")
OPTIONS: tuple[dict[str, Any], ...] = (
    {"buffer_size": 1},
    {"buffer_size": 1, "on_full": "drop-newest", "message_ttl_ns": 2},
    {"buffer_size": 2, "on_full": "drop-oldest", "message_ttl_ns": 3},
    {"buffer_size": 2, "on_full": "drop-newest"},
    {"buffer_size": 2, "on_full": "drop-newest", "message_ttl_ns": None},
    {"buffer_size": 3, "message_ttl_ns": 2},
    {"buffer_size": 3, "on_full": "drop-newest", "message_ttl_ns": 3},
    {"buffer_size": 4, "on_full": "drop-oldest", "message_ttl_ns": 1},
    {"buffer_size": 4, "on_full": "drop-newest", "message_ttl_ns": 5},
    {},
    {"buffer_size": 64, "on_full": "drop-oldest"},
)
DATA: tuple[Any, ...] = (None, 7, "é", [1, 2.5], {"k": [True]}, "1234567890", {})
CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
BAD_EVENTS: tuple[tuple[Any, Any], ...] = (
    ("", 1),
    (None, 1),
    ("a\nb", 1),
    ("a\rb", 1),
    ("a\0b", 1),
    ("\udc00", 1),
    ("e", "12345678901"),
    ("e", "ééééé€"),
    ("e", float("nan")),
    ("e", [float("inf")]),
    ("e", (1,)),
    ("e", {"k": [()]}),
    ("e", {1: 2}),
    ("e", {None: 2}),
    ("e", "\ud800"),
    ("e", {"\udfff": 1}),
    ("e", b"1"),
    ("e", {1}),
    ("e", object()),
)

some = st.integers(min_value=0, max_value=11)  # which of a list: taken modulo its length
RARE = ("handle", "handle", "plain handle", "forget", "restart", "wrong", "wrong", "past")


def naive_options(written: dict[str, Any]) -> naive.Options:
    return naive.Options(
        written.get("buffer_size", 64),
        written.get("on_full", "drop-oldest"),
        written.get("message_ttl_ns"),
        written,
    )


class EngineMachine(RuleBasedStateMachine):
    """The caller. Without ``recording``, nobody asks for drops and the engine stays lazy."""

    hub: type[Hub] = Hub  # another one to be measured against
    recording = False
    resume = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.wakes: list[tuple[str, str, int, list[int]]] = []
        self.rows: list[tuple[str, str, int, int, str, int]] = []
        self.real = self.hub(
            "a0",
            self.wake,
            self.row if self.recording else None,
            max_event_bytes=MAX_EVENT_BYTES,
            max_channels=MAX_CHANNELS,
            variants=Variants(resume="last-event-id") if self.resume else None,
        )
        self.twin = naive.Hub("a0", MAX_EVENT_BYTES, MAX_CHANNELS, self.resume)
        # Handles that only look: to read is not to use, so they never make a channel.
        self.probes = [
            self.real.project(project).channel(name) for project in PROJECTS for name in NAMES
        ]
        self.handles: list[tuple[Channel, naive.Handle]] = []
        self.subs: list[tuple[Subscription, naive.Sub]] = []
        self.last_taken: dict[Subscription, int] = {}

    def wake(self, channel: Channel) -> None:
        # What the driver sees when it is told must be what there is when the call is over.
        pending = [sub.pending for sub in channel.subscriptions]
        self.wakes.append((channel.project, channel.name, channel.last_seq, pending))

    def row(self, sub: Subscription, message: Message, fate: Fate, now: int) -> None:
        channel = sub.channel
        self.rows.append((channel.project, channel.name, sub.birth, message.seq, fate, now))

    def both(self, real: Callable[[], Any], twin: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Make a call on both: the results, or None when both refuse it by the same rule."""
        refused = None
        try:
            expected = twin()
        except naive.RefusedError as error:
            refused = error.rule
        if refused is None:
            return real(), expected
        with pytest.raises(EngineError) as caught:
            real()
        assert caught.value.rule == refused
        return None

    def pick_handle(self, which: int) -> tuple[Channel, naive.Handle]:
        """Choose a handle: mostly one of a channel that somebody listens to."""
        live = [(sub.channel, twin.channel) for sub, twin in self.subs if not twin.closed]
        if live and which % 4:
            channel, twin = live[which % len(live)]
            return channel, naive.Handle(twin.project, twin.name, None)
        return self.handles[which % len(self.handles)]

    def pick_sub(self, which: int) -> tuple[Subscription, naive.Sub] | None:
        """Choose a subscription: mostly an open one."""
        live = [pair for pair in self.subs if not pair[1].closed]
        if live and which:
            return live[which % len(live)]
        return self.subs[which % len(self.subs)] if self.subs else None

    # What the caller does often

    @initialize(
        written=st.sampled_from(OPTIONS),
        last_n=st.none() | st.integers(0, 5),
        data=st.sampled_from(DATA),
    )
    def begin(self, written: dict[str, Any], last_n: int | None, data: Any) -> None:
        self.make_handle(0, written)
        self.subscribe(0, last_n, None)
        self.send(0, data, 1)

    @rule(which=some, data=st.sampled_from(DATA), times=st.integers(1, 5))
    def send(self, which: int, data: Any, times: int) -> None:
        for _ in range(times):
            self.send_at(which, "e", data, self.now, encoded=times % 2 == 0)

    @rule(which=some, times=st.integers(1, 3), by=st.integers(0, 2))
    def send_over_time(self, which: int, times: int, by: int) -> None:
        for _ in range(times):
            self.now += by
            self.send_at(which, "é", {"n": self.now}, self.now)

    def send_at(self, which: int, kind: Any, data: Any, now: Any, *, encoded: bool = False) -> None:
        real, twin = self.pick_handle(which)

        def send() -> Any:
            if encoded:
                return real.send_encoded(encode_event(kind, data, MAX_EVENT_BYTES), now)
            return real.send(kind, data, now)

        sent = self.both(send, lambda: self.twin.send(twin, kind, data, now))
        if sent is not None:
            receipt, expected = sent
            assert (receipt.seq, receipt.offered) == expected
            self.agree()

    @rule(which=some, last_n=st.none() | st.integers(0, 5), max_age=st.none() | st.integers(1, 4))
    def subscribe(self, which: int, last_n: int | None, max_age: int | None) -> None:
        self.subscribe_at(which, last_n, max_age, self.now)

    @rule(
        which=some,
        back=st.integers(-1, 6),
        form=st.sampled_from(IDS),
        last_n=st.integers(0, 2),
        away=st.integers(0, 2),
    )
    def come_back(self, which: int, back: int, form: str, last_n: int, away: int) -> None:
        """With the id of one of the newest messages, or of one that was never sent."""
        self.now += away
        real, _ = self.pick_handle(which)
        last_event_id = form.format(epoch=self.real.epoch, seq=real.last_seq - back)
        self.subscribe_at(which, last_n, None, self.now, last_event_id)

    def subscribe_at(
        self,
        which: int,
        last_n: int | None,
        max_age: int | None,
        now: Any,
        last_event_id: str | None = None,
    ) -> None:
        real, twin = self.pick_handle(which)
        replay = ReplayOptions(last_n=last_n, max_age_ns=max_age)
        opened = self.both(
            lambda: real.subscribe(replay, now=now, last_event_id=last_event_id),
            lambda: self.twin.subscribe(twin, last_n, max_age, now, last_event_id),
        )
        if opened is not None:
            self.subs.append(opened)

    @rule(which=some, limit=st.integers(1, 5))
    def take(self, which: int, limit: int) -> None:
        self.take_at(which, self.now, limit)

    @rule(limit=st.integers(1, 3))
    def take_by_all(self, limit: int) -> None:
        for which in range(1, 1 + sum(not twin.closed for _, twin in self.subs)):
            self.take_at(which, self.now, limit)

    def take_at(self, which: int, now: Any, limit: Any) -> None:
        picked = self.pick_sub(which)
        if picked is None:
            return
        real, twin = picked
        both = self.both(lambda: real.take(now, limit), lambda: self.twin.take(twin, now, limit))
        if both is None:
            return
        taken, expected = both
        facts = [(m.seq, m.event, m.data, m.sent_ns, m.offered) for m in taken]
        assert facts == [message.facts() for message in expected]
        for message in taken:  # DLV-2
            assert message.seq > self.last_taken.get(real, 0)
            self.last_taken[real] = message.seq
        self.agree()

    @rule(which=some)
    def close(self, which: int) -> None:
        picked = self.pick_sub(which)
        if picked is not None:
            real, twin = picked
            self.both(lambda: real.close(self.now), lambda: self.twin.close(twin, self.now))

    @rule(by=st.integers(1, 3))
    def wait(self, by: int) -> None:
        self.now += by

    @rule(which=some, beside=st.sampled_from((-1, 0, 0, 1)), age=st.integers(0, 4))
    def wait_until(self, which: int, beside: int, age: int) -> None:
        """Let time pass to the very end of a message's life, or to one nanosecond beside it."""
        messages = [
            (channel.options.ttl if age < 3 else age, message.sent)
            for channel in self.twin.channels
            for message in channel.held()
        ]
        ends = [sent + life + beside for life, sent in messages if life is not None]
        later = sorted({end for end in ends if end > self.now})
        if later:
            self.now = later[which % len(later)]

    @rule(which=some)
    def collect(self, which: int) -> None:
        real, _ = self.pick_handle(which)
        roused = real.collect_ready()
        expected = self.twin.collect(real.project, real.name)
        twins = dict(self.subs)
        assert [twins[sub] for sub in roused] == expected

    # What the caller does now and then

    @rule(
        what=st.sampled_from(RARE),
        which=some,
        written=st.sampled_from(OPTIONS),
        epoch=st.sampled_from(EPOCHS),
        wrong=st.sampled_from((*BAD_EVENTS, *BAD_NAMES, 0, -1, True, 1.0)),
        back=st.sampled_from((1, 2, None)),
    )
    def do_rarely(
        self, what: str, which: int, written: dict[str, Any], epoch: str, wrong: Any, back: Any
    ) -> None:
        if what == "handle":
            self.make_handle(which, written)
        elif what == "plain handle":
            self.make_handle(which, None)
        elif what == "forget":
            self.forget()
        elif what == "restart":
            self.restart(epoch)
        elif what == "wrong":
            self.ask_for_what_is_refused(which, wrong)
        else:
            self.call_at_a_wrong_time(which, back)

    def make_handle(self, which: int, written: dict[str, Any] | None) -> None:
        project = PROJECTS[which % len(PROJECTS)]
        name = NAMES[which // len(PROJECTS) % len(NAMES)]
        options = None if written is None else ChannelOptions(**written)
        twin_options = None if written is None else naive_options(written)
        made = self.both(
            lambda: self.real.project(project).channel(name, options),
            lambda: self.twin.handle(project, name, twin_options),
        )
        if made is not None:
            self.handles.append(made)

    def forget(self) -> None:
        both = self.both(lambda: self.real.forget(self.now), lambda: self.twin.forget(self.now))
        assert both is not None
        assert both[0] == both[1]

    def restart(self, epoch: str) -> None:
        self.both(
            lambda: self.real.restart(epoch, self.now), lambda: self.twin.restart(epoch, self.now)
        )

    def ask_for_what_is_refused(self, which: int, wrong: Any) -> None:
        """At a time to come, which must not count as having come."""
        if isinstance(wrong, tuple):
            kind, data = wrong
            self.send_at(which, kind, data, self.now + 5, encoded=which % 2 == 0)
        elif isinstance(wrong, str):
            refused = self.both(
                lambda: self.real.project("shop").channel(wrong, ChannelOptions()),
                lambda: self.twin.handle("shop", wrong, naive_options({})),
            )
            assert refused is None
        else:
            self.take_at(which, self.now + 5, wrong)

    def call_at_a_wrong_time(self, which: int, back: int | None) -> None:
        """At a time that has passed, or at one that is no integer."""
        now: Any = self.now - back if back is not None else (True, 1.5, None)[which % 3]
        picked = self.pick_sub(which)
        if which < 4:
            self.send_at(which, "e", 1, now, encoded=which % 2 == 0)
        elif which < 6:
            self.take_at(which, now, 1)
        elif which < 8 and picked is not None:
            real, twin = picked
            self.both(lambda: real.close(now), lambda: self.twin.close(twin, now))
        elif which < 10:
            self.subscribe_at(which, 1, None, now)
        elif which == 10:
            self.both(lambda: self.real.forget(now), lambda: self.twin.forget(now))
        else:
            self.both(lambda: self.real.restart("b1", now), lambda: self.twin.restart("b1", now))

    # What both must agree on

    @invariant()
    def agree(self) -> None:
        real, twin = self.real, self.twin
        assert real.epoch == twin.epoch
        assert real.now == twin.now
        assert self.wakes == twin.wakes
        ready = [(channel.project, channel.name) for channel in real.ready_channels]
        assert ready == [(channel.project, channel.name) for channel in twin.ready]
        if self.recording:
            assert self.rows == [
                (sub.channel.project, sub.channel.name, sub.birth, seq, fate, now)
                for sub, seq, fate, now in twin.rows
            ]
        self.wakes.clear()
        self.rows.clear()
        twin.wakes.clear()
        twin.rows.clear()
        for project in PROJECTS:
            names = [channel.name for channel in real.project(project).channels]
            assert names == [channel.name for channel in twin.of_project(project)]
        memory = 0
        for probe in self.probes:
            memory += self.agree_on_channel(probe, twin.find(probe.project, probe.name))
        assert real.memory_bytes == memory
        for sub, twin_sub in self.subs:
            self.agree_on_subscription(sub, twin_sub)

    def agree_on_channel(self, real: Channel, twin: naive.Channel | None) -> int:
        assert real.bound == (twin is not None)
        if twin is None:
            assert (real.last_seq, real.history, real.held, real.made) == (0, (), 0, False)
            return 0
        options = real.options
        size = options.buffer_size
        assert (size, options.on_full, options.message_ttl_ns) == twin.options.values()
        assert not set(real.undecided) & set(twin.options.written)
        assert len(real.undecided) + len(set(twin.options.written)) == 3
        assert (real.last_seq, real.made) == (twin.last, twin.made)
        assert [message.seq for message in real.history] == [m.seq for m in twin.history]
        assert len(real.subscriptions) == len(twin.subs)
        assert real.held == len(twin.held())
        queues = len(twin.subs) if options.on_full == "drop-newest" else 0
        assert real.held <= size * (1 + queues)  # BUF-5
        memory = twin.memory()
        assert real.memory_bytes == memory
        return memory

    def agree_on_subscription(self, real: Subscription, twin: naive.Sub) -> None:
        fates = real.fates
        assert fates == twin.fates()
        assert sum(fates.values()) == real.offered == len(twin.fate)  # ACC-1
        assert real.closed == twin.closed
        assert real.pending == fates["pending"]
        assert list(real.pending_seqs()) == [message.seq for message in twin.queue]
        assert list(real.replayed) == twin.replayed
        assert real.resumed == twin.resumed
        assert real.birth == twin.birth


class RecordingMachine(EngineMachine):
    """The same caller while a history is recorded: each drop in the step of its send (PUB-4)."""

    recording = True


class ResumingMachine(EngineMachine):
    """The same caller where clients say what they had last: the variant `resume`."""

    resume = True
