"""The server: a hub, a site, and everything that is open.

It owns what outlives one request: the hub, the channels in use, the streams, the jobs, the
limits. It reads time only from its clock and waits only with the loop's timers, so a loop with
virtual time and an in-memory network runs the very same code.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simrt import sse
from simrt.engine import (
    Channel,
    ChannelLimitError,
    ChannelOptions,
    EventError,
    Fate,
    Hub,
    InvalidNameError,
    Variants,
    encode_event,
)
from simrt.errors import UsageError
from simrt.record import Where, Who
from simrt.server import access_log
from simrt.server.accepting import RESERVE, Acceptor
from simrt.server.access import Gate, Granted, Secrets
from simrt.server.app import App
from simrt.server.call import Params, Rejected, Sent
from simrt.server.declared import Feed, Hook, Job, StreamEndpoint
from simrt.server.full import Full
from simrt.server.jobs import JobRunner
from simrt.server.outlet import Outlet
from simrt.server.protocol import Connection, protocol_config, server_state
from simrt.server.recorder import Recording
from simrt.server.retries import SHUTDOWN_SPREAD_NS, Share, draw_ms, unforeseen
from simrt.server.settings import Limits
from simrt.server.site import Site
from simrt.server.stream import Stream
from simrt.server.tally import Tally, key_of
from simrt.server.timers import SiteClock

log = logging.getLogger("simrt.server")

_SUBSCRIBER = re.compile(r"[A-Za-z0-9_\-]{1,64}/[A-Za-z0-9_\-]{1,64}")
_CONNECTION = re.compile(r"[1-9][0-9]{0,8}")
_OTHER_THREAD = {
    "send": "send was called in another thread than the server's; let the thread return, then send:"
    " `data = await asyncio.to_thread(work)`, and `call.send(…)` after it",
    "revoke": "revoke was called in another thread than the server's; write"
    " `server.loop.call_soon_threadsafe(server.revoke, project, credential)`",
    "restore": "restore was called in another thread than the server's; write"
    " `server.loop.call_soon_threadsafe(server.restore, project, credential)`",
}


@dataclass(frozen=True, slots=True)
class OpenCount:
    """One open subscription: who, what it was offered, and what became of that (ACC-1)."""

    who: Who
    offered: int
    fates: Mapping[Fate, int]


class Server:
    """One life of a hub, behind HTTP. Make it inside the running loop that it shall use.

    Arguments:
        site: what it offers.
        clock: the time.
        secrets_: what credentials are compared with.
        gate: judges credentials, where some are revoked before it starts; None makes one.
        epoch: the life's name; None draws 128 random bits (HUB-2).
        share: the draws of `retry`; None takes the operating system's.
        limits: bounds.
        recorder: takes the rows of a history; None records nothing.
        named: whether requests may say whose they are, also where no history is recorded.
        front: makes, from this server's ASGI app, the one that answers requests before it; None
            lets the app answer alone.

    Attributes:
        connections: the open connections, in order of acceptance.
        streams: the open streams, in order of acceptance, and where each was opened.
        calls: how often each hook was called, each job fired.
        tally: what else it counts.
        leaving: whether a shutdown was ordered.
        state: what uvicorn's protocols share.

    Raises:
        UsageError: for a site that contradicts itself.
    """

    def __init__(
        self,
        site: Site,
        clock: SiteClock,
        *,
        secrets_: Secrets | None = None,
        gate: Gate | None = None,
        epoch: str | None = None,
        share: Share | None = None,
        limits: Limits | None = None,
        recorder: Recording | None = None,
        named: bool = False,
        front: Callable[[App], Any] | None = None,
    ) -> None:
        site.check()
        self.site = site
        self.clock = clock
        self.limits = limits or Limits()
        self.recorder = recorder
        self.gate = gate or Gate(secrets_ or Secrets())
        self.loop = asyncio.get_running_loop()
        self.app = App(self)
        self.state = server_state()
        self.connections: dict[Connection, None] = {}
        since_1970 = clock.starts - datetime(1970, 1, 1, tzinfo=UTC)
        self._starts_ns = since_1970 // timedelta(microseconds=1) * 1000
        self._share = share or unforeseen()
        self.streams: dict[Stream, StreamEndpoint] = {}
        self.tally = Tally()
        self._per_endpoint: dict[StreamEndpoint, int] = {}
        self._outlets: dict[tuple[str, str], Outlet] = {}
        self._woken: dict[tuple[str, str], None] = {}
        self._flush_due = False
        self._named = named or recorder is not None
        self._unnamed = 0
        self._turned_away = 0
        self.calls: dict[Hook | Job, int] = {}
        self._config = protocol_config(front(self.app) if front else self.app, self.limits)
        self._listener: asyncio.AbstractServer | Acceptor | None = None
        self._served = 0
        self._waiting: dict[Connection, None] = {}
        self._thread = threading.get_ident()
        self._all_gone: asyncio.Future[None] | None = None
        self.leaving = False
        self._stopping = False
        self._frozen = False
        self.hub = Hub(
            epoch or secrets.token_hex(16),
            on_ready=self._wake,
            on_fate=None if recorder is None else recorder.fate,
            max_event_bytes=max((each.settings.max_event_bytes for each in site.feeds), default=1),
            max_channels=self.limits.channels,
            # Each stream's settings say whether it is asked: who names no id gets no resume.
            variants=Variants(resume="last-event-id"),
        )
        for feed in site.feeds:
            if not feed.channel.names:
                self._channel(feed, feed.channel.text)
        self._jobs = [JobRunner(self, job) for job in site.jobs]

    # --- its life -----------------------------------------------------------------------------

    async def listen(
        self, host_or_socket: Any, port: int | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Accept connections, and let the jobs begin (HOK-3).

        Arguments:
            host_or_socket: a bound socket; or a host, with a port, where the loop has its own
                network.
            port: the port on that host.
            tls: certificate and key, for a socket; None speaks plain HTTP.
        """
        if port is None:
            self._listener = Acceptor(
                self.loop,
                host_or_socket,
                self.connection,
                self._has_room,
                tls=tls,
                handshake_s=self.limits.request_s,
            )
        else:
            self._listener = await self.loop.create_server(self.connection, host_or_socket, port)
        self.begin()

    def begin(self) -> None:
        """Let the jobs begin (HOK-3); `listen` does so too."""
        # A server that is made ready before time 0 starts, for its jobs, with the scenario.
        begin = max(0, self.clock.now())
        for job in self._jobs:
            job.begin(begin)

    def connection(self) -> Connection:
        """A protocol for one new connection."""
        return Connection(self, self._config, self.loop)

    def hush(self) -> None:
        """The workload of a run is over: no job fires any more."""
        for job in self._jobs:
            job.stop()

    def end(self) -> None:
        """The run is over: one `end` row an open subscription; nothing is sent or taken after."""
        self._flush()
        self._frozen = True
        for outlet in self._outlets.values():
            outlet.frozen = True
        for job in self._jobs:
            job.stop()
        if self.recorder is not None:
            now = self.clock.now()
            for stream in self.streams:
                self.recorder.ended(now, stream.subscription)
            self.recorder.finish()

    async def shut_down(self) -> None:
        """End in an orderly way: no new connections, last words to each stream (STR-3)."""
        self.leaving = True
        if self.limits.notice_s > 0:
            await asyncio.sleep(self.limits.notice_s)
        self._flush()
        self._stopping = True
        for job in self._jobs:
            job.stop()
        if self._listener is not None:
            self._listener.close()
        for stream, endpoint in list(self.streams.items()):
            retry_ms = draw_ms(
                self._share, "shutdown", endpoint.project, stream.who, SHUTDOWN_SPREAD_NS
            )
            stream.end("shutdown", sse.encode_retry(retry_ms))
        for connection in list(self.connections):
            connection.shutdown()
        await self._gone()
        await self.abort()

    async def abort(self) -> None:
        """End at once, without last words, as a killed process does."""
        self._stopping = True
        for job in self._jobs:
            job.stop()
        if self._listener is not None:
            self._listener.close()
        for connection in list(self.connections):
            connection.abort()
        await self._gone()
        if self.state.tasks:  # a request whose connection is gone ends in the loop's next turns
            await asyncio.wait(list(self.state.tasks), timeout=self.limits.farewell_s)
        if self.recorder is not None:
            self.recorder.finish()

    async def _gone(self) -> None:
        """Wait until every connection is gone, but not for ever."""
        if self.connections:
            self._all_gone = self.loop.create_future()
            timer = self.loop.call_later(self.limits.farewell_s, _done, self._all_gone)
            await self._all_gone
            timer.cancel()

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection is served; decided once, when it is accepted (STR-2).

        One beyond the limit may stay until it was told so. Where too many of these wait, the one
        that has said nothing for the longest time ends: who asks at once is answered, such as a
        health check.
        """
        self.connections[connection] = None
        if self._served < self.limits.connections:
            self._served += 1
            return True
        self._waiting[connection] = None
        if len(self._waiting) > self.limits.turned_away:
            self.tally.refused["", 0] += 1
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.abort()
        return False

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection in self.connections:
            del self.connections[connection]
            self._served -= connection.served
            self._waiting.pop(connection, None)
        if not self.connections and self._all_gone is not None:
            _done(self._all_gone)

    def _has_room(self, connecting: int) -> bool:
        """Whether one more connection may be looked at: each holds a descriptor (STR-2)."""
        most = self.limits.connections + self.limits.turned_away + RESERVE
        if len(self.connections) + connecting < most:
            return True
        self.tally.refused["", 0] += 1
        return False

    @property
    def refuses(self) -> bool:
        """Whether it is on its way out, or the run is over: nothing new begins."""
        return self._stopping or self._frozen

    # --- senders ------------------------------------------------------------------------------

    def send(
        self, sender: Hook | Job, event: str, data: Any, params: Params, part: int = 1
    ) -> Sent:
        """Send for a hook or a job: check the shape, send, deliver in the loop's next turn.

        `part` is the event's place among those that are sent together, from 1.

        Raises:
            Rejected: the event was not sent; the `reject` row is written.
            Full: the project has no room for one more channel (CHN-5).
            UsageError: from another thread than the server's.
        """
        self._in_its_thread("send")
        if event not in sender.sends:
            self.reject(sender, event, "shape")
            raise Rejected("shape", f"{sender.sender} does not declare event type {event!r}")
        feed = self.site.feed_for(sender, event)
        name = feed.channel.fill(params)
        try:  # PUB-3, and first: what it costs to judge a shape grows with the size
            encoded = encode_event(event, data, feed.settings.max_event_bytes)
        except EventError as error:
            self.reject(sender, event, "event", name)
            raise Rejected("event", str(error)) from None
        problem = feed.shapes.problem(event, data, encoded.encoded)  # SSE-7
        if problem is not None:
            self.reject(sender, event, "shape", name)
            raise Rejected("shape", problem)
        try:
            outlet = self._outlet(feed, name)
        except InvalidNameError as error:
            self.reject(sender, event, "event")
            raise Rejected("event", str(error)) from None
        message = outlet.send(encoded, sender.sender, part)
        self._flush_soon()
        return Sent(self.hub.epoch, message.seq, message.offered)

    def _in_its_thread(self, verb: str) -> None:
        """Nothing here is made for two threads: what one of them half did, the other would see."""
        if threading.get_ident() != self._thread:
            raise UsageError(_OTHER_THREAD[verb])

    def reject(self, sender: Hook | Job, event: str, cause: str, channel: str = "") -> None:
        """Note that an event was refused; without a channel, by the sender's declared one."""
        feed = self.site.feed_for(sender, sender.sends[0])
        self.tally.rejected[key_of(feed), cause] += 1
        if self.recorder is None:
            return
        channel = channel or feed.channel.text
        where = Where(sender.project, channel, self.hub.epoch)
        self.recorder.rejected(self.clock.now(), where, event, cause)
        self.recorder.flush()

    def count_call(self, sender: Hook | Job) -> int:
        """The how-many-th call of a hook or job this is, from 1."""
        self.calls[sender] = self.calls.get(sender, 0) + 1
        return self.calls[sender]

    def _wake(self, channel: Channel) -> None:
        """The engine's `on_ready`: deliver in the loop's next turn (HUB-4)."""
        self._woken[channel.project, channel.name] = None
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Deliver what the sends of this turn left to take, joined (DLV-7)."""
        self._flush_due = False
        woken, self._woken = self._woken, {}
        for key in woken:
            if key in self._outlets:
                self._outlets[key].flush()
        if self.recorder is not None:
            self.recorder.flush()

    # --- streams ------------------------------------------------------------------------------

    def open(
        self,
        endpoint: StreamEndpoint,
        params: Params,
        granted: Granted,
        headers: Mapping[str, str],
        *,
        head: bytes,
    ) -> Stream:
        """Subscribe, for one request whose permission was granted.

        Arguments:
            endpoint: the stream's declaration.
            params: the path's parameters.
            granted: the permission, and when it ends (STR-4).
            headers: the request's; they name the subscriber while a history is recorded.
            head: what goes out first: the response's head, where the transport will be the
                connection itself; else empty.

        Raises:
            Full: a limit is reached (STR-2, CHN-5).
            InvalidNameError: the parameters give no name of a channel.
        """
        project, settings = endpoint.project, endpoint.feed.settings
        who = self._who(headers)
        self._check_room(endpoint, who)
        outlet = self._outlet(endpoint.feed, endpoint.feed.channel.fill(params))
        retry = b""
        if settings.retry_spread_ns is not None:
            retry = sse.encode_retry(
                draw_ms(self._share, "retry", project, who, settings.retry_spread_ns)
            )
        now = self.clock.now()
        expires_ns = None
        if granted.expires_s is not None:
            expires_ns = round(granted.expires_s * 1_000_000) * 1000 - self._starts_ns
        resume = settings.resume != "none"
        had_last = headers.get("last-event-id") if resume else None
        subscription = outlet.channel.subscribe(endpoint.replay, now=now, last_event_id=had_last)
        stream = Stream(
            outlet,
            subscription,
            who,
            head=head + retry,
            credential=granted.credential,
            expires_ns=expires_ns,
            notsent_lowat_bytes=self.limits.notsent_lowat_bytes,
        )
        outlet.streams[subscription] = stream
        self.streams[stream] = endpoint
        self._per_endpoint[endpoint] = self._per_endpoint.get(endpoint, 0) + 1
        self.tally.opened[key_of(endpoint.feed)] += 1
        access_log.opened(endpoint, subscription)
        if self.recorder is not None:
            named = {"last_event_id": had_last} if resume else {}
            self.recorder.subscribed(now, outlet.where, who, subscription, endpoint.replay, named)
            self.recorder.flush()
        return stream

    def revoke(self, project: str, credential: str) -> None:
        """A credential is worth nothing any more: what it opened ends, cause `denied` (SSE-4).

        Arguments:
            project: where.
            credential: its name, `user:SUBJECT` or `token:NAME`.

        Raises:
            UsageError: as `Gate.revoke`; or from another thread than the server's.
        """
        self._in_its_thread("revoke")
        self.gate.revoke(project, credential)
        for stream, endpoint in list(self.streams.items()):
            if stream.credential == credential and endpoint.project == project:
                stream.end("denied")

    def restore(self, project: str, credential: str) -> None:
        """A revoked credential is good again.

        Raises:
            UsageError: from another thread than the server's.
        """
        self._in_its_thread("restore")
        self.gate.restore(project, credential)

    def counts(self) -> list[OpenCount]:
        """Every open subscription, in order of acceptance."""
        return [
            OpenCount(each.who, each.subscription.offered, each.subscription.fates)
            for each in self.streams
        ]

    def full(self, reason: str, project: str = "", who: Who | None = None) -> Full:
        """Turn one client away; when to come again is spread over 1 to 10 s (STR-2, STR-3)."""
        self._turned_away += 1
        retry_ms = draw_ms(
            self._share,
            "full",
            project,
            who or Who("anonymous", self._turned_away),
            SHUTDOWN_SPREAD_NS,
        )
        return Full(reason, -(-retry_ms // 1000))

    def _check_room(self, endpoint: StreamEndpoint, who: Who) -> None:
        limit = self.limits.streams_per_endpoint if endpoint.limit is None else endpoint.limit
        if len(self.streams) >= self.limits.streams:
            raise self.full("the server has all the streams it can keep", endpoint.project, who)
        if self._per_endpoint.get(endpoint, 0) >= limit:
            raise self.full("this endpoint has all the streams it can keep", endpoint.project, who)

    def _who(self, headers: Mapping[str, str]) -> Who:
        """Whose connection this is; asked only by a harness, or while a history is recorded."""
        subscriber = headers.get("simrt-subscriber", "")
        number = headers.get("simrt-connection", "")
        if self._named and _SUBSCRIBER.fullmatch(subscriber) and _CONNECTION.fullmatch(number):
            return Who(subscriber, int(number))
        self._unnamed += 1
        return Who(f"anonymous/{self._unnamed - 1}", 1)

    def _left(self, stream: Stream, cause: str) -> None:
        endpoint = self.streams.pop(stream)
        self._per_endpoint[endpoint] -= 1
        subscription = stream.subscription
        self.tally.ended(endpoint.feed, cause, subscription.offered, subscription.fates)
        access_log.closed(endpoint, subscription, cause, self.clock.now())

    # --- channels -----------------------------------------------------------------------------

    def _channel(self, feed: Feed, name: str) -> Channel:
        # Bound at once, so that a limit is met here; defaults stay undecided (CHN-2, OPT-3).
        return self.hub.project(feed.project).channel(name, feed.options or ChannelOptions())

    def _outlet(self, feed: Feed, name: str) -> Outlet:
        key = (feed.project, name)
        outlet = self._outlets.get(key)
        if outlet is None:
            try:
                channel = self._channel(feed, name)
            except ChannelLimitError as error:
                raise self.full(str(error), feed.project) from None
            outlet = Outlet(
                channel,
                feed.settings,
                self.hub.epoch,
                self.loop,
                self.clock,
                self.recorder,
                self._left,
            )
            outlet.frozen = self._frozen
            self._outlets[key] = outlet
            self.tally.uses(feed, channel)
        return outlet


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
