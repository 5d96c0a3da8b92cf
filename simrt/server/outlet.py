"""One channel that is in use: its open streams, and how its messages reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from simrt import sse
from simrt.clock import Clock
from simrt.engine import Channel, EncodedEvent, Message, Subscription
from simrt.record import Where
from simrt.server.recorder import Recording
from simrt.server.settings import SECOND_NS, StreamSettings
from simrt.server.stream import Stream

# Messages whose bytes are kept for the next stream; most take the same few newest ones.
_KEPT_FRAMES = 32


class Outlet:
    """Delivers one channel's messages to its open streams.

    Arguments:
        channel: the engine's channel.
        settings: those of its feature.
        epoch: the life of the hub.
        loop: the event loop.
        clock: the time.
        recorder: takes the rows, or None.
        on_leave: told of each stream that ended, and why.

    Attributes:
        streams: its open streams by subscription, in order of acceptance.
        unflushed: sends since everything that could be taken was (DLV-7).
        ns_per_real_ms: scenario nanoseconds in a real millisecond.
    """

    def __init__(
        self,
        channel: Channel,
        settings: StreamSettings,
        epoch: str,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        recorder: Recording | None,
        on_leave: Callable[[Stream, str], None],
    ) -> None:
        self.channel = channel
        self.settings = settings
        self.where = Where(channel.project, channel.name, epoch)
        self.loop = loop
        self.clock = clock
        self.recorder = recorder
        self.streams: dict[Subscription, Stream] = {}
        self.unflushed = 0
        # How long the loop waits for one scenario second says how fast time runs.
        self.ns_per_real_ms = round(SECOND_NS / (clock.loop_s(SECOND_NS) * 1000))
        self.frozen = False
        self._on_leave = on_leave
        self._frames: dict[int, bytes] = {}

    def send(self, event: EncodedEvent, sender: str, part: int = 1) -> Message:
        """Send; what is pending goes out first where it would else be lost (DLV-7).

        `part` is the event's place among those that are sent together, from 1.
        """
        if self.unflushed >= self.channel.options.buffer_size:
            self.flush()
        now = self.clock.now()
        message = self.channel.send_encoded(event, now)
        self.unflushed += 1
        if self.recorder is not None:
            self.recorder.sent(now, self.where, message, sender, part)
        return message

    def flush(self) -> None:
        """Deliver to every stream that got something and has room."""
        self.unflushed = 0
        streams = [self.streams[each] for each in self.channel.collect_ready()]
        self.pump(streams)

    def pump(self, streams: Sequence[Stream]) -> None:
        """Deliver to these streams until each has nothing pending or no room.

        Round by round: take one message for each, write the rows of the round, then its bytes.
        """
        if self.frozen:
            return
        ready = streams
        while True:
            round_ = [pair for pair in map(self._take, ready) if pair is not None]
            if self.recorder is not None:
                self.recorder.flush()
            if not round_:
                break
            now = self.clock.now()
            for stream, frame in round_:
                stream.write(frame, now)
            ready = [stream for stream, _ in round_]
        now = self.clock.now()
        for stream in streams:
            stream.settle(now)

    def _take(self, stream: Stream) -> tuple[Stream, bytes] | None:
        """One message for one stream, if it has room and something is pending (SSE-6)."""
        if not stream.writable or not stream.subscription.pending:
            return None
        now = self.clock.now()
        taken = stream.subscription.take(now, 1)
        if not taken:
            if self.recorder is not None:
                self.recorder.took_nothing()
            return None
        frame = self._frame(taken[0])
        if self.recorder is not None:
            self.recorder.took(now, stream.subscription, taken[0])
        return stream, frame

    def _frame(self, message: Message) -> bytes:
        """A message as it goes out: one epoch, so the same bytes for everybody, made once."""
        frame = self._frames.get(message.seq)
        if frame is None:
            name = sse.event_id(self.where.epoch, message.seq)  # SSE-2
            frame = sse.encode_event(name, message.event, message.encoded)
            self._frames[message.seq] = frame
            if len(self._frames) > _KEPT_FRAMES:
                del self._frames[next(iter(self._frames))]
        return frame

    def leave(self, stream: Stream, cause: str) -> None:
        """A stream ended: its subscription closes."""
        now = self.clock.now()
        pending = stream.subscription.pending_seqs()
        stream.subscription.close(now)
        if self.recorder is not None:
            self.recorder.closed(now, stream.subscription, pending, cause)
            self.recorder.flush()
        del self.streams[stream.subscription]
        if not self.streams:
            self._frames.clear()
        self._on_leave(stream, cause)
