"""Promise: a client that loses its connection tries again, in its time, until it is back.

Attempts are numbered 1, 2, 3, … and there is one at a time. After each end and each failed attempt
the next one follows within the time that CLI-1 allows, unless the client gave up, has no network,
or the run ends first; it does not come too early either. An answer that refuses for good is the
last (CLI-3). Nobody connects without a network, and every end has the cause that it claims. The
sentence counts what reconnecting cost: events missed and events that came twice.

Where times are measured and not exact, a late attempt is not held against the client, a missing
one is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from simrt.checkers.fold import Checker, Handler, Watch
from simrt.checkers.ledger import NEVER, PROBE, Key, Ledger, Subscription, range_of, side, whom_of
from simrt.checkers.noticing import Noticing
from simrt.checkers.verdict import Status
from simrt.checkers.waits import Bounds, answer_ns, wait_bounds
from simrt.history import Row
from simrt.scenario.fault import FAULT_KINDS
from simrt.scenario.model import Subscribers
from simrt.scenario.neighbour import GROUP as NEIGHBOUR
from simrt.text import duration, exact_s, many

# On a target with measured time, how many resolutions late is certainly too late.
_CERTAINLY = 20
# A server looks now and then whether its peers still answer.
_LOOKED = 1.25
_CLOSE_CAUSES = ("client", "network", "stalled", "gone", "slow", "shutdown", "expired", "denied")


@dataclass(slots=True)
class Client:
    """One subscriber, as its own rows tell it.

    Attributes:
        attempt: the newest attempt's number.
        connected: whether that attempt is a connection that has not ended.
        since: the row that ended the last connection or attempt; None while connected or before.
        lost_ns: when the last connection ended, as either side saw it first; None while it has one.
        failures: failed attempts since the last success.
        failures_before: the same, before the newest success.
        told: whether it was ever connected, so that a `retry` may have reached it.
        gone: whether it gave up.
        offline: the row since which it has no network, or None.
        moved_ns: when its network last came or went.
        silent: the row since which its network is silent, or None (NET-7).
        was_silent: the row since which it was silent the last time, once that is over, or None.
        spoke_ns: when its last silence ended.
        owes_ns: since when it owes an acknowledgement for what was written into its silence; None:
            for nothing.
        left: attempts that the client broke off while they were under way, with their rows.
        last_seen: epoch and number of the newest event that it received.
    """

    group: Subscribers
    attempt: int = 0
    connected: bool = False
    since: Row | None = None
    lost_ns: int | None = None
    failures: int = 0
    failures_before: int = 0
    told: bool = False
    gone: bool = False
    offline: Row | None = None
    moved_ns: float = NEVER
    silent: Row | None = None
    was_silent: Row | None = None
    spoke_ns: float = NEVER
    owes_ns: int | None = None
    left: dict[int, Row] = field(default_factory=dict)
    last_seen: tuple[str, int] = ("", 0)

    def lost(self, row: Row) -> None:
        """One side of its connection ended; only the first counts."""
        if self.lost_ns is None:
            self.lost_ns = row.t_ns

    def heard_since(self, t_ns: int) -> bool:
        """Whether no silence held anything up since then."""
        return self.silent is None and self.spoke_ns < t_ns


class _Reconnects(Watch):
    """Follows each client from attempt to attempt."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._clients: dict[str, Client] = {}
        self._down = False
        self._up_ns: int | None = None  # when the server was back after a kill
        self._lasting: Counter[str] = Counter()  # faults, by the group that they are about
        self._moved_ns: dict[str, int] = {}  # when the newest of these began or was over
        self._denials: Counter[str] = Counter()
        self._claims: list[tuple[Row, Key]] = []
        self._tolerance_ns = ledger.header.resolution_ns
        self._reconnects = 0
        self._slowest_ns = 0
        self._missed = 0
        self._twice = 0
        self._noticing = Noticing(ledger, self)

    def handlers(self) -> list[tuple[str, Handler]]:
        """Its own, then those of how clients notice."""
        return super().handlers() + self._noticing.handlers()

    def uses(self, subscriber: str, connection: int) -> bool:
        """Whether the client's newest attempt is this connection, and has not ended."""
        client = self._clients.get(subscriber)
        return client is not None and client.connected and client.attempt == connection

    # --- attempts ----------------------------------------------------------------------------

    def on_connect(self, row: Row, _: Subscription | None) -> None:
        client = self._client(row)
        if client is None:
            return
        if client.silent and row.t_ns - client.silent.t_ns > self._tolerance_ns:
            self.fail(row, "connected through a network that lets nothing pass (NET-7)")
        if self._was_left(row, client):
            return
        self._attempted(row, client)
        allowed = client.group.latency_ns + self._tolerance_ns
        if client.offline and row.t_ns - client.offline.t_ns > allowed:
            self.fail(row, "connected without a network (CLI-2)")
        # As the metrics count: an outage that begins after the workload is none.
        lost_ns, client.lost_ns = client.lost_ns, None
        within = lost_ns is not None and lost_ns <= self.scenario.workload.duration_ns
        if lost_ns is not None and within and row.group != NEIGHBOUR:
            self._reconnects += 1
            self._slowest_ns = max(self._slowest_ns, row.t_ns - lost_ns)
        client.failures_before, client.failures = client.failures, 0
        client.connected, client.told, client.since = True, True, None

    def on_refuse(self, row: Row, _: Subscription | None) -> None:
        client = self._client(row)
        if client is None:
            return
        if client.connected and row.connection == client.attempt:
            client.failures = client.failures_before  # it left before the answer reached it
            client.lost(row)
        else:
            self._attempted(row, client)
            client.left = self._under_way(row, client) | {row.connection: row}
        if row.cause == "offline" and not self._is_offline(row, client):
            self.fail(row, "failed for want of a network, and had one")
        elif row.cause == "down" and not self._was_down(row, client):
            self.fail(row, "found nobody listening, and the server was up")
        elif row.cause not in ("offline", "down", "status", "network"):
            self.fail(row, f"cause {row.cause or 'missing'} is no reason for an attempt to fail")
        client.failures += 1
        client.connected, client.since = False, row

    def on_gave_up(self, row: Row, _: Subscription | None) -> None:
        client = self._client(row)
        if client is None:
            return
        since = client.since
        if client.gone:
            self.fail(row, "had given up before (CLI-3)")
        if since is None or (since.kind, since.connection) != ("refuse", row.connection):
            self.fail(row, "gave up, but this attempt was not refused (CLI-3)")
        elif since.cause != "status" or row.cause != "status":
            self.fail(row, f"gave up because of {since.cause}, which is no final answer (CLI-3)")
        client.gone = True

    def on_close(self, row: Row, subscription: Subscription | None) -> None:
        if side(row) == "server":
            self._server_close(row, subscription)
            return
        client = self._client(row)
        if client is None:
            return
        if not client.connected or row.connection != client.attempt:
            self.fail(row, "ended a connection that the client did not have")
        if row.cause == "server":
            self._claims.append((row, (row.subscriber, row.connection)))
        elif row.cause in ("offline", "disconnect"):
            if not self._is_offline(row, client):
                self.fail(row, f"ended because of {row.cause}, and had a network")
        elif row.cause == "watchdog":
            self._watched(row, client, subscription)
        elif row.cause not in ("client", "keepalive"):
            self.fail(row, f"cause {row.cause or 'missing'} is no reason for a client to end")
        client.lost(row)
        client.connected, client.since = False, row

    def on_end(self, row: Row, subscription: Subscription | None) -> None:
        if subscription is not None and side(row) == "server":
            self._noticed(row, subscription)
        client = self._client(row) if side(row) == "client" else None
        if client is not None and (not client.connected or row.connection != client.attempt):
            self.fail(row, "open at the end, but the client had no such connection")

    # --- what reconnecting cost --------------------------------------------------------------

    def on_replay(self, row: Row, subscription: Subscription | None) -> None:
        client = self._clients.get(row.subscriber)
        if client is None or subscription is None:
            return
        epoch, newest = client.last_seen
        if epoch == row.epoch and row.group != NEIGHBOUR:
            first, last = range_of(row)
            begins = first or subscription.history_end + 1
            self._missed += max(0, begins - newest - 1)
            self._twice += max(0, min(newest, last) - first + 1) if first else 0

    def on_take(self, row: Row, subscription: Subscription | None) -> None:
        client = self._clients.get(row.subscriber)
        if client is None or client.silent is None or client.owes_ns is not None:
            return
        # Into a window of bytes that others may fill nothing is sent: it waits in the server.
        if client.group.window_msgs or (subscription and not subscription.in_flight):
            client.owes_ns = row.t_ns

    def on_receive(self, row: Row, _: Subscription | None) -> None:
        client = self._clients.get(row.subscriber)
        if client is not None:
            client.last_seen = (row.epoch, row.seq)

    # --- network, server, faults -------------------------------------------------------------

    def on_offline(self, row: Row, _: Subscription | None) -> None:
        client = self._client(row)
        if client is None:
            return
        silent = row.cause == "silent"
        if (client.silent if silent else client.offline) is not None:
            self.fail(row, "its network had gone before")
        if silent:
            client.silent = row
        else:
            client.offline, client.moved_ns = row, row.t_ns

    def on_online(self, row: Row, _: Subscription | None) -> None:
        client = self._client(row)
        if client is None:
            return
        silent = row.cause == "silent"
        if (client.silent if silent else client.offline) is None:
            self.fail(row, "its network had not gone")
        if silent:
            self._held_in_silence(row, client)
            client.silent, client.was_silent = None, client.silent
            client.spoke_ns, client.owes_ns = row.t_ns, None
        else:
            client.offline, client.moved_ns = None, row.t_ns

    def on_restart(self, row: Row, _: Subscription | None) -> None:
        self._down = True
        for subscription in self.ledger.open_in(row.epoch):
            self._noticed(row, subscription)
            self._lost(row, *subscription.key)

    def on_fault(self, row: Row, _: Subscription | None) -> None:
        self._disturb(row, 1)
        if row.cause == "deny":
            self._denials[whom_of(row)] += 1

    def on_heal(self, row: Row, _: Subscription | None) -> None:
        if row.cause == "restart":
            self._down, self._up_ns = False, row.t_ns
        self._disturb(row, -1)
        if row.cause == "deny":
            self._allowed_again(whom_of(row))

    def _disturb(self, row: Row, more: int) -> None:
        """A fault on a group begins or is over."""
        kind = FAULT_KINDS.get(row.cause)
        if kind is None or kind.hits == "group":
            self._lasting[whom_of(row)] += more
            self._moved_ns[whom_of(row)] = row.t_ns

    def _allowed_again(self, whom: str) -> None:
        """The group logs in: who had given up connects anew."""
        self._denials[whom] -= 1
        for name, client in self._clients.items():
            if name.partition("/")[0] == whom and client.gone and self._denials[whom] <= 0:
                client.gone, client.since, client.failures = False, None, 0

    # --- judging -----------------------------------------------------------------------------

    def _client(self, row: Row) -> Client | None:
        if row.group == PROBE:
            return None
        client = self._clients.get(row.subscriber)
        if client is None:
            group = self.ledger.groups.get(row.group)
            if group is None:
                self.fail(row, "is in no group of the scenario")
                return None
            client = self._clients[row.subscriber] = Client(group)
        return client

    def _was_left(self, row: Row, client: Client) -> bool:
        """The request was under way when the client left; the server accepts it all the same."""
        client.left = self._under_way(row, client)
        return client.left.pop(row.connection, None) is not None

    def _under_way(self, row: Row, client: Client) -> dict[int, Row]:
        """Of the attempts that the client broke off, those that can still arrive.

        A real server gets round to a request when its machine does: it waits with others to be
        accepted, for longer than any timer is late.
        """
        if not self.ledger.exact:
            return dict(client.left)
        soon = client.group.latency_ns
        return {
            number: left
            for number, left in client.left.items()
            if row.t_ns - left.t_ns <= soon or not client.heard_since(left.t_ns)
        }

    def _attempted(self, row: Row, client: Client) -> None:
        if client.connected:
            self.fail(row, f"connection {client.attempt} had not ended on the client's side")
        if row.connection != client.attempt + 1:
            self.fail(row, f"attempt {client.attempt + 1} is due, one by one (CLI-1)")
        client.attempt = row.connection
        if client.gone:
            self.fail(row, "had been refused for good (CLI-3)")
        elif client.since is not None:
            self._in_time(row, client, client.since)

    def _in_time(self, row: Row, client: Client, since: Row) -> None:
        """The attempt's row lies within the wait that CLI-1 allows after the last end."""
        self.judged += 1
        bounds = self._bounds(client, since)
        waited = row.t_ns - since.t_ns
        early = waited < bounds.least_ns - self._tolerance_ns
        settling = row.t_ns >= self.scenario.workload.duration_ns
        if early and not settling and not self._returned_at_once(client, since):
            least = exact_s(bounds.least_ns)
            self.fail(row, f"tried again after {exact_s(waited)}, at least {least} (CLI-1)")
        undisturbed = self._undisturbed(row, since) and client.heard_since(since.t_ns)
        if waited > bounds.most_ns and self.ledger.exact and undisturbed:
            most = exact_s(bounds.most_ns)
            self.fail(row, f"tried again only after {exact_s(waited)}, at most {most} (CLI-1)")

    def _bounds(self, client: Client, since: Row) -> Bounds:
        ended = self.ledger.subscriptions.get((since.subscriber, since.connection))
        last_word = ended.server_end if ended else None
        bounds = wait_bounds(
            self.scenario,
            client.group,
            client.failures,
            told=client.told,
            shutdown=last_word is not None and last_word.cause == "shutdown",
        )
        if client.group.reconnect == "at-once" and client.moved_ns > since.t_ns:
            # It waits for the network, however long, and goes at once when that is back.
            away_ns = round(client.moved_ns) - since.t_ns
            most = away_ns + bounds.most_ns
            if since.cause == "offline":
                most = away_ns + answer_ns(client.group)
            return Bounds(bounds.least_ns, most)
        return bounds

    @staticmethod
    def _returned_at_once(client: Client, since: Row) -> bool:
        return client.group.reconnect == "at-once" and client.moved_ns >= since.t_ns

    def _undisturbed(self, row: Row, since: Row) -> bool:
        """No fault was on the group between the two rows: a stalled client hears nothing."""
        moved_ns = self._moved_ns.get(row.group, NEVER)
        return self._lasting[row.group] <= 0 and moved_ns <= since.t_ns

    def _is_offline(self, row: Row, client: Client) -> bool:
        moved = row.t_ns - client.moved_ns <= self._tolerance_ns
        healed = row.t_ns - self._moved_ns.get(row.group, NEVER) <= self._tolerance_ns
        return client.offline is not None or moved or healed or self._lasting[row.group] > 0

    def _was_down(self, row: Row, client: Client) -> bool:
        if self._down or not self.ledger.exact:
            return True
        if self._up_ns is None:
            return False
        soon = row.t_ns <= self._up_ns + answer_ns(client.group)
        return soon or not client.heard_since(self._up_ns)

    def _server_close(self, row: Row, subscription: Subscription | None) -> None:
        if row.cause not in _CLOSE_CAUSES:
            self.fail(row, f"cause {row.cause or 'missing'} is no reason for a server to close")
        elif row.cause == "denied" and self._denials[row.group] <= 0:
            self.fail(row, "denied, and its credentials were good (SSE-4)")
        elif row.cause == "gone":
            self._lost_in_silence(row)
        if subscription is not None:
            self._noticed(row, subscription)
        self._lost(row, row.subscriber, row.connection)
        deadline = self.scenario.server.write_deadline_ns
        if row.cause == "stalled" and subscription is not None and deadline is not None:
            idle = row.t_ns - subscription.last_taken_ns
            if idle < deadline - self._tolerance_ns:
                self.fail(
                    row,
                    f"stalled after {exact_s(idle)}, allowed {exact_s(deadline)} (STR-1)",
                )

    def _lost(self, row: Row, subscriber: str, connection: int) -> None:
        client = self._clients.get(subscriber)
        if client is not None and client.attempt == connection:
            client.lost(row)

    def _lost_in_silence(self, row: Row) -> None:
        """SSE-5: only a peer that acknowledges nothing is gone, and only after its time.

        Heartbeats leave no row, so the time counts from the silence itself, or from an event that
        was still on its way when it fell.
        """
        client, allowed = self._clients.get(row.subscriber), self.scenario.server.peer_timeout_ns
        silent = None if client is None else client.silent
        if client is not None and silent is None:
            # After the silence an acknowledgement still needs its way; until then it is owed.
            answered_ns = client.spoke_ns + 2 * client.group.latency_ns + self._tolerance_ns
            silent = client.was_silent if row.t_ns <= answered_ns else None
        if client is None or silent is None or _by_proxy(silent) or allowed is None:
            self.fail(row, "gone, and its network acknowledged what was written (SSE-5)")
            return
        self.judged += 1
        waited = row.t_ns - silent.t_ns
        if waited < allowed - self._tolerance_ns - 2 * client.group.latency_ns:
            self.fail(row, f"gone after {exact_s(waited)}, allowed {exact_s(allowed)} (SSE-5)")

    def _held_in_silence(self, row: Row, client: Client) -> None:
        """SSE-5: a server does not hold for long what has been silent for its whole time."""
        allowed = self.scenario.server.peer_timeout_ns
        number = client.attempt
        held = self.ledger.subscriptions.get((row.subscriber, number))
        if allowed is None or client.owes_ns is None or held is None or not held.open:
            return
        if client.silent is None or _by_proxy(client.silent):
            return
        self.judged += 1
        owed = row.t_ns - client.owes_ns
        if owed > round(_LOOKED * allowed) + _CERTAINLY * self._tolerance_ns:
            late = f"held for {exact_s(owed)} without an answer, allowed {exact_s(allowed)}"
            self.fail(row, f"{late} (SSE-5)")

    def _watched(self, row: Row, client: Client, subscription: Subscription | None) -> None:
        """CLI-4: nothing came for as long as the watchdog says; heartbeats leave no row."""
        allowed, window = client.group.watchdog_ns, client.group.window_msgs
        if allowed is None:
            self.fail(row, "dropped by a watchdog, and the group has none (CLI-4)")
        elif subscription is not None and window and client.heard_since(subscription.opened_ns):
            idle = row.t_ns - subscription.last_taken_ns - client.group.latency_ns
            if 0 <= idle < allowed - self._tolerance_ns:
                self.fail(
                    row,
                    f"dropped after {exact_s(idle)}, not {exact_s(allowed)} (CLI-4)",
                )

    def _noticed(self, row: Row, subscription: Subscription) -> None:
        """The server learns of the client's end when that arrives, and ends its side (NET-4)."""
        left = subscription.client_end
        client = self._clients.get(subscription.subscriber)
        if client is not None and left is not None and not client.heard_since(left.t_ns):
            return  # a silence held up the news (NET-7)
        group = self.ledger.groups.get(subscription.subscriber.partition("/")[0])
        if left is None or group is None:
            return
        most = group.latency_ns
        if not self.ledger.exact:
            most += self.scenario.server.peer_timeout_ns or row.t_ns
        if row.t_ns - left.t_ns > most:
            late = exact_s(row.t_ns - left.t_ns)
            self.fail(left, f"the server still held it {late} later, allowed {exact_s(most)}")

    # --- the end -----------------------------------------------------------------------------

    def _finish(self) -> None:
        self._noticing.finish()
        for row, key in self._claims:
            ended = self.ledger.subscriptions.get(key)
            if ended is not None and ended.open:
                self.fail(row, "says that the server ended it, and the server did not")
        for name, client in self._clients.items():
            if client.since is not None and not client.gone:
                self._follows(name, client, client.since)
        for group, settings in self.ledger.groups.items():
            for member in range(settings.count):
                if f"{group}/{member}" not in self._clients:
                    self.fail(None, f"{group}/{member}: never tried to connect")

    def _follows(self, name: str, client: Client, since: Row) -> None:
        """At the end of the run: was it still allowed to wait?"""
        final = since.cause == "status" and not self._patient(client, since)
        if final:
            self.fail(since, "refused for good, and no gave-up follows (CLI-3)")
            return
        bounds = self._bounds(client, since)
        if client.offline is not None or client.silent is not None:
            return
        waited = self.ledger.now - since.t_ns
        most = bounds.most_ns + _CERTAINLY * self._tolerance_ns
        undisturbed = self._undisturbed(since, since) and client.heard_since(since.t_ns)
        if waited > most and undisturbed:
            self.judged += 1
            self.fail(since, f"{name} never tried again, at most {exact_s(most)} allowed (CLI-1)")

    @staticmethod
    def _patient(client: Client, since: Row) -> bool:
        return client.group.client == "patient" and (since.detail or {}).get("status") == 503

    def conclude(self) -> tuple[Status, str]:
        """One sentence."""
        if self.ledger.complete:
            self._finish()
        if self.failures:
            what = many(self.failures, "finding")
            return Status.FAIL, f"{what} against how clients may end and try again."
        if not self.judged:
            groups = self.ledger.groups.values()
            ends = any(fault.of_kind.ends for fault in self.scenario.faults)
            if ends or any(group.online for group in groups):
                return Status.INCONCLUSIVE, "No connection ended, so none had to be made again."
            return (
                Status.NOT_APPLICABLE,
                "No connection ended, and nothing in this scenario has to end one.",
            )
        return Status.PASS, (
            f"{many(self._reconnects, 'reconnect')}, the slowest {duration(self._slowest_ns)} "
            f"after the end; where the server had stayed up, replay left out "
            f"{many(self._missed, 'event')} and brought {self._twice:,} twice."
        )


def _by_proxy(silence: Row) -> bool:
    """Whether the kernel went on acknowledging: then nobody can notice a peer that is gone."""
    return (silence.detail or {}).get("by") == "proxy"


CHECKER = Checker(
    "reconnect",
    "A client that loses its connection tries again, in its time, until it is back.",
    ("ACC-2", "CLI-1", "CLI-2", "CLI-3", "CLI-4", "NET-4", "NET-7", "SSE-4", "SSE-5", "STR-1"),
    4,
    _Reconnects,
)
check = CHECKER.check
