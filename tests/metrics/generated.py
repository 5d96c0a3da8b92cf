"""Random histories that the rules allow, and the plain way to measure them.

The generator is a small channel of lists, with its own clients, that writes down what happens. It
keeps everything, and so does `Plain`, which goes over the finished list of rows again and again.
"""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

from simrt.history import Row
from tests.metrics.tales import Tale

END = 100_000
OUTCOME_OF = {"drop-oldest": "dropped-oldest", "drop-newest": "dropped-newest", "ttl": "expired"}


class Link:
    """One connection: a queue at the server, a pipe to the client."""

    def __init__(self, number: int, epoch: str) -> None:
        self.number = number
        self.epoch = epoch
        self.queue: list[int] = []
        self.pipe: list[int] = []
        self.server_open = True
        self.client_open = True


class World(Tale):
    """Writes a random history; times are nanoseconds, from 0 to `END` and a quiet phase.

    Arguments:
        seed: of the random choices.
        members: how many subscribers.
        lossless: nothing is dropped, cut or expired.
    """

    def __init__(self, seed: int, members: int = 3, *, lossless: bool = False) -> None:
        draw = self.draw = random.Random(seed)
        self.on_full = draw.choice(["drop-oldest", "drop-newest"])
        self.size = 10_000 if lossless else draw.randint(1, 4)
        self.ttl = None if lossless else draw.choice([None, 3_000, 20_000])
        self.last_n = draw.randint(0, 6)
        super().__init__(
            duration=f"{END}ns", useful_for="4000ns", buffer_size=self.size, on_full=self.on_full,
            groups={"b": members - members // 2, "a": members // 2}, kind="invalidation",
        )  # fmt: skip
        names = [f"b/{n}" for n in range(members - members // 2)]
        self.names = names + [f"a/{n}" for n in range(members // 2)]
        self.links: dict[str, list[Link]] = {name: [] for name in self.names}
        self.tried = dict.fromkeys(self.names, 0)
        self.known: set[tuple[int, str]] = set()  # connections that the client knows to be open
        self.log: list[tuple[int, int]] = []  # seq and time of sends of this epoch
        self.now = 0
        self.lives = 0
        actions = ["send", "take", "receive", "connect"]
        calm = [30, 40, 40, 12]
        if not lossless:
            actions += ["client_close", "server_close", "restart", "give_up", "accept_too_late"]
            calm += [3, 5, 1, 3, 3]
        for _ in range(draw.choice([60, 400])):
            self.now = min(END, self.now + draw.choice([0, 0, 1, 100, 500, 2_000]))
            getattr(self, f"do_{draw.choices(actions, calm)[0]}")()
        self.now = END
        for _ in range(draw.choice([0, 60])):
            self.now += draw.choice([0, 10, 800])
            getattr(self, f"do_{draw.choice(['take', 'receive', 'connect'])}")()

    def write(self, kind: str, **columns: Any) -> None:
        self.row(0, kind, **columns)
        self.rows[-1] = Row(self.now, **{
            name: getattr(self.rows[-1], name) for name in Row.__struct_fields__[1:]
        })  # fmt: skip

    def on(self, link: Link, who: str, **more: Any) -> dict[str, Any]:
        return {"subscriber": who, "connection": link.number, "epoch": link.epoch, **more}

    def do_send(self) -> None:
        seq = self.log[-1][0] + 1 if self.log else 1
        self.log.append((seq, self.now))
        self.write("send", seq=seq, event="e", bytes=self.draw.randint(1, 50))
        for who in self.names:
            for link in self.links[who]:
                if not link.server_open:
                    continue
                if len(link.queue) < self.size:
                    link.queue.append(seq)
                    continue
                lost = seq
                if self.on_full == "drop-oldest":
                    lost = link.queue.pop(0)
                    link.queue.append(seq)
                self.write("drop", **self.on(link, who, seq=lost, cause=self.on_full))

    def pick(self, **flags: bool) -> tuple[str, Link] | None:
        found = [
            (who, link) for who in self.names for link in self.links[who]
            if all(getattr(link, name) == value for name, value in flags.items())
        ]  # fmt: skip
        return self.draw.choice(found) if found else None

    def do_take(self) -> None:
        picked = self.pick(server_open=True)
        if picked is None:
            return
        who, link = picked
        sent = dict(self.log)
        while link.queue:
            seq = link.queue.pop(0)
            if self.ttl is not None and self.now - sent[seq] >= self.ttl:
                self.write("expire", **self.on(link, who, seq=seq, cause="ttl"))
                continue
            self.write("take", **self.on(link, who, seq=seq, event="e"))
            link.pipe.append(seq)
            return

    def do_receive(self) -> None:
        picked = self.pick(client_open=True)
        if picked is not None and picked[1].pipe:
            who, link = picked
            self.known.add((link.number, who))
            self.write("receive", **self.on(link, who, seq=link.pipe.pop(0), event="e"))

    def do_connect(self) -> None:
        away = [who for who in self.names if not any(k.client_open for k in self.links[who])]
        if not away:
            return
        who = self.draw.choice(away)
        self.connect(who, self.tried[who] + self.draw.choice([1, 1, 2]))

    def connect(self, who: str, number: int) -> Link:
        self.tried[who] = number
        link = Link(number, self.epoch)
        alive = [
            (seq, t) for seq, t in self.log[-self.size :]
            if self.ttl is None or self.now - t < self.ttl
        ]  # fmt: skip
        replay = [seq for seq, _ in alive[-self.last_n :]] if self.last_n else []
        link.queue = list(replay)
        self.links[who].append(link)
        self.write("connect", **self.on(link, who))
        detail = {"count": len(replay), "first": replay[0] if replay else 0,
                  "last": replay[-1] if replay else 0}  # fmt: skip
        self.write("replay", **self.on(link, who, detail=detail))
        return link

    def do_client_close(self) -> None:
        picked = self.pick(client_open=True)
        if picked is not None:
            self.shut(*picked, "client")

    def do_give_up(self) -> None:
        """The client leaves before it knows that it was accepted."""
        picked = self.pick(client_open=True)
        if picked is None or (picked[1].number, picked[0]) in self.known:
            return
        who, link = picked
        self.write("refuse", **self.on(link, who, cause="offline"))
        link.client_open = False
        link.pipe = []

    def do_accept_too_late(self) -> None:
        """The server accepts what the client has left already."""
        away = [who for who in self.names if not any(k.client_open for k in self.links[who])]
        if not away:
            return
        who = self.draw.choice(away)
        number = self.tried[who] + 1
        self.write("refuse", subscriber=who, connection=number, cause="offline", epoch="")
        self.connect(who, number).client_open = False

    def do_server_close(self) -> None:
        """The server learns of it, or ends it first and the client learns."""
        picked = self.pick(client_open=False, server_open=True)
        if picked is not None:
            self.shut(*picked, "server")
            return
        picked = self.pick(client_open=True, server_open=self.draw.random() < 0.3)
        if picked is not None:
            self.shut(*picked, "server" if picked[1].server_open else "client")

    def shut(self, who: str, link: Link, side: str) -> None:
        detail = {"side": side, "pending": link.queue} if side == "server" else {"side": side}
        self.write("close", **self.on(link, who, detail=detail))
        if side == "server":
            link.server_open = False
            link.queue = []
        else:
            link.client_open = False
            link.pipe = []

    def do_restart(self) -> None:
        self.write("restart", project="", channel="", cause="server")
        self.lives += 1
        self.epoch = f"life{self.lives}"
        self.log = []
        for who in self.names:
            for link in self.links[who]:
                link.server_open = False
                link.queue = []


Message = tuple[str, int]


def from_server(row: Row) -> bool:
    """Whether this is the server's end of a connection."""
    return row.kind == "close" and (row.detail or {})["side"] == "server"


class Plain:
    """The measures of one subscriber, each by its own walk over all rows."""

    def __init__(self, rows: list[Row], who: str) -> None:
        self.rows = rows
        self.who = who
        self.mine = [row for row in rows if row.subscriber == who]
        self.place = {id(row): place for place, row in enumerate(rows)}
        self.sends = [row for row in rows if row.kind == "send"]
        connects = [row for row in self.mine if row.kind == "connect"]
        self.start = connects[0] if connects else None
        self.receives = [row for row in self.mine if row.kind == "receive"]
        self.sent_at = {(row.epoch, row.seq): row.t_ns for row in self.sends}
        self.order = {(row.epoch, row.seq): place for place, row in enumerate(self.sends)}

    def member_messages(self) -> list[Message]:
        assert self.start is not None
        begin = self.place[id(self.start)]
        return [(row.epoch, row.seq) for row in self.sends if self.place[id(row)] > begin]

    def offers(self) -> dict[int, list[Message]]:
        """By connection: its replay and all that was sent while the server had it open."""
        offers: dict[int, list[Message]] = {}
        live: set[int] = set()
        for row in self.rows:
            if row.kind == "restart":
                live.clear()
            elif row.kind == "send":
                for number in live:
                    offers[number].append((row.epoch, row.seq))
            elif row.subscriber == self.who and row.kind == "replay":
                detail = row.detail or {}
                span = range(detail["first"], detail["last"] + 1) if detail["count"] else ()
                offers[row.connection] = [(row.epoch, seq) for seq in span]
                live.add(row.connection)
            elif row.subscriber == self.who and from_server(row):
                live.discard(row.connection)
        return offers

    def ending(self, number: int) -> str:
        """How a subscription ended: by a close, by a restart, or not at all."""
        begin = next(r for r in self.mine if r.kind == "connect" and r.connection == number)
        if self.left_before(begin):
            return "connection-lost"
        for row in self.rows[self.place[id(begin)] :]:
            if row.kind == "restart":
                return "restart"
            mine = row.subscriber == self.who and row.connection == number
            if mine and row.kind in ("close", "refuse"):  # of either side
                return "connection-lost"
        return "unfinished"

    def outcomes(self) -> dict[Message, str]:
        offers = self.offers()
        received = {(row.epoch, row.seq) for row in self.receives}
        found: dict[Message, str] = {}
        for message in self.member_messages():
            numbers = [number for number, messages in offers.items() if message in messages]
            if message in received:
                found[message] = "received"
            elif not numbers:
                found[message] = "offline"
            else:
                fates = [
                    OUTCOME_OF[row.cause] for row in self.mine
                    if row.kind in ("drop", "expire") and row.connection == max(numbers)
                    and (row.epoch, row.seq) == message
                ]  # fmt: skip
                found[message] = fates[0] if fates else self.ending(max(numbers))
                if self.still_arriving(max(numbers), message):
                    found[message] = "unfinished"
        return found

    def still_arriving(self, number: int, message: Message) -> bool:
        """Whether it was taken on this connection, whose end the client has not seen."""
        of_this = [row for row in self.mine if row.connection == number]
        taken = any(row.kind == "take" and (row.epoch, row.seq) == message for row in of_this)
        left = any(
            row.kind == "refuse" or (row.kind == "close" and not from_server(row))
            for row in of_this
        )
        return taken and not left

    def left_before(self, connect: Row) -> bool:
        """Whether the client had left the attempt when the server accepted it."""
        before = self.mine[: self.mine.index(connect)]
        return any(r.kind == "refuse" and r.connection == connect.connection for r in before)

    def steps(self) -> list[tuple[int, int]]:
        """From when on, which send (by its place) is the newest received."""
        steps: list[tuple[int, int]] = []
        for row in self.receives:
            place = self.order[(row.epoch, row.seq)]
            if row.t_ns <= END and (not steps or place > steps[-1][1]):
                steps.append((row.t_ns, place))
        return steps

    def ages(self) -> list[tuple[int, int, int]]:
        """(from, to, send time): who looks between sees something sent then."""
        steps = [*self.steps(), (END, 0)]
        return [(t, until, self.sends[place].t_ns) for (t, place), (until, _) in pairwise(steps)]

    def outdated_ns(self) -> int:
        """Nanosecond by nanosecond would do; between two events nothing changes."""
        assert self.start is not None
        edges = sorted({row.t_ns for row in self.rows if row.t_ns <= END} | {END})
        steps, total = self.steps(), 0
        for low, high in pairwise(edges):
            if low < self.start.t_ns:
                continue
            sent = sum(row.t_ns <= low for row in self.sends)
            newest = max((place + 1 for t, place in steps if t <= low), default=0)
            total += (high - low) * (newest < sent)
        return total

    def outdated_spans(self) -> list[tuple[int, int]]:
        """(age at its begin, at its end) of each stretch; 0 to 0 where nothing newer was sent."""
        assert self.start is not None
        edges = sorted({row.t_ns for row in self.rows if row.t_ns <= END} | {END})
        spans = []
        for low, high in pairwise(edges):
            if low < self.start.t_ns:
                continue
            got = [self.order[(r.epoch, r.seq)] for r in self.receives if r.t_ns <= low]
            newer = [r.t_ns for r in self.sends[max(got, default=-1) + 1 :] if r.t_ns <= low]
            since = low if not newer else newer[0] if got else max(newer[0], self.start.t_ns)
            spans.append((low - since, high - since) if newer else (0, 0))
        return spans

    def blind_ns(self) -> int:
        """From the first send after each receive (in the order of rows) to the next."""
        assert self.start is not None
        worst = 0
        marks = [self.start, *(row for row in self.receives if row.t_ns <= END)]
        for index, mark in enumerate(marks):
            after = [r for r in self.sends if self.place[id(r)] > self.place[id(mark)]]
            next_ = marks[index + 1] if index + 1 < len(marks) else None
            until = next_.t_ns if next_ else END
            before = self.place[id(next_)] if next_ else len(self.rows)
            after = [row for row in after if self.place[id(row)] < before]
            if after:
                worst = max(worst, until - after[0].t_ns)
        return worst

    def pending(self, size: int) -> tuple[int, int]:
        """The queue as a list: its length times the time that it had it, and the greatest.

        In the step of a send that overflows it is not longer than `size`.
        """
        area = last = most = 0
        queues: dict[int, list[Message]] = {}
        for row in self.rows:
            now = min(row.t_ns, END)
            area += sum(map(len, queues.values())) * (now - last)
            last = now
            message = (row.epoch, row.seq)
            if row.kind == "restart":
                queues = {}
            elif row.kind == "send":
                for queue in queues.values():
                    queue.append(message)
            elif row.subscriber != self.who:
                pass
            elif row.kind == "replay":
                detail = row.detail or {}
                span = range(detail["first"], detail["last"] + 1) if detail["count"] else ()
                queues[row.connection] = [(row.epoch, seq) for seq in span]
            elif row.kind in ("take", "drop", "expire"):
                queues[row.connection].remove(message)
            elif from_server(row):
                queues.pop(row.connection, None)
            most = max([most, *(min(size, len(queue)) for queue in queues.values())])
        return area + sum(map(len, queues.values())) * (END - last), most

    def gaps(self) -> int:
        """Reconnects before which something was sent since the newest received, and missed."""
        outcomes = self.outcomes()
        count = 0
        for connect, _ in self.reconnects():
            begin = self.place[id(connect)]
            got = [r for r in self.receives if self.place[id(r)] < begin]
            newest = max((self.order[(r.epoch, r.seq)] for r in got), default=-1)
            sent = [(r.epoch, r.seq) for r in self.sends if self.place[id(r)] < begin]
            since = [outcomes.get(message, "received") for message in sent[newest + 1 :]]
            count += any(outcome not in ("received", "unfinished") for outcome in since)
        return count

    def ends(self, row: Row, latest: int) -> bool:
        """Whether this row ends that connection of the subscriber, as one of its sides saw it."""
        if row.kind == "restart":
            return self.served(latest, row)
        mine = row.subscriber == self.who and row.connection == latest
        return mine and row.kind in ("close", "refuse")

    def reconnects(self) -> list[tuple[Row, int]]:
        """The connects that ended an outage, each with the time at which that began."""
        found = []
        ended: int | None = None
        latest = 0
        for row in self.rows:
            if latest and self.ends(row, latest):
                ended, latest = row.t_ns, 0
            elif row.subscriber == self.who and row.kind == "connect":
                if self.left_before(row):
                    continue
                if ended is not None and ended <= END:
                    found.append((row, ended))
                latest, ended = row.connection, None
        return found

    def outages(self) -> list[int]:
        """The lengths of the outages that began before the end and ended with a connect."""
        return [row.t_ns - ended for row, ended in self.reconnects()]

    def recoveries(self) -> list[int]:
        """From the end of a connection to being connected and having the newest message sent."""
        lengths = []
        lagging: int | None = None
        latest = newest = -1
        up = False
        for row in self.rows:
            sent = sum(self.place[id(one)] <= self.place[id(row)] for one in self.sends)
            if up and self.ends(row, latest):
                if row.t_ns <= END and lagging is None:
                    lagging = row.t_ns
                up = False
            elif row.subscriber == self.who and row.kind == "connect":
                if not self.left_before(row):
                    latest, up = row.connection, True
            elif row.subscriber == self.who and row.kind == "receive":
                newest = max(newest, self.order[row.epoch, row.seq])
            if row.subscriber == self.who and up and newest + 1 == sent and lagging is not None:
                lengths.append(row.t_ns - lagging)
                lagging = None
        return lengths

    def replays(self) -> list[tuple[int, int | None]]:
        """Of each reconnect: how many its replay holds, and the age of what is seen after it."""
        found = []
        again = {row.connection for row, _ in self.reconnects()}
        for replay in self.mine:
            if replay.kind != "replay" or replay.connection not in again:
                continue
            detail = replay.detail or {}
            until = replay
            if detail["count"]:
                last = [
                    row for row in self.receives
                    if row.connection == replay.connection and row.seq == detail["last"]
                ]  # fmt: skip
                if not last:
                    found.append((detail["count"], None))
                    continue
                until = last[0]
            seen = [
                self.order[row.epoch, row.seq] for row in self.receives
                if self.place[id(row)] <= self.place[id(until)]
            ]  # fmt: skip
            age = until.t_ns - self.sends[max(seen)].t_ns if seen else None
            found.append((detail["count"], age))
        return found

    def evictions(self) -> list[int]:
        """The ages of what `drop-oldest` removed, when it did."""
        return [
            row.t_ns - self.sent_at[row.epoch, row.seq] for row in self.mine
            if row.kind == "drop" and row.cause == "drop-oldest"
        ]  # fmt: skip

    def refetches(self) -> int:
        """One a receipt and one a reconnect, to the end of the workload."""
        asked = [*self.receives, *(row for row, _ in self.reconnects())]
        return sum(row.t_ns <= END for row in asked)

    def served(self, number: int, until: Row) -> bool:
        """Whether the server still had that connection when this row came."""
        rows = self.rows[: self.place[id(until)]]
        begin = next(i for i, r in enumerate(rows) if r.subscriber == self.who
                     and r.kind == "connect" and r.connection == number)  # fmt: skip
        ends = [r for r in rows[begin:] if r.kind == "restart" or (
            r.subscriber == self.who and r.connection == number and from_server(r))]  # fmt: skip
        return not ends

    def in_flight_max(self) -> int:
        count: dict[int, int] = defaultdict(int)
        left: set[int] = set()
        most = 0
        for row in self.mine:
            if row.kind == "refuse" or (row.kind == "close" and not from_server(row)):
                left.add(row.connection)
            if row.connection in left:
                continue
            count[row.connection] += (row.kind == "take") - (row.kind == "receive")
            most = max(most, count[row.connection])
        return most

    def replay_takes(self) -> list[int]:
        """The ages of messages taken that were sent before their connection."""
        ages = []
        begun: dict[int, int] = {}
        for row in self.mine:
            if row.kind == "connect":
                begun[row.connection] = self.place[id(row)]
        places = {(row.epoch, row.seq): self.place[id(row)] for row in self.sends}
        for row in self.mine:
            message = (row.epoch, row.seq)
            if row.kind == "take" and places[message] < begun[row.connection]:
                ages.append(row.t_ns - self.sent_at[message])
        return ages


def held_bytes(world: World) -> int:
    """The most bytes held: the newest messages, and what waits in any queue (BUF-5)."""
    sizes: dict[Message, int] = {}
    newest: list[Message] = []
    queues: dict[tuple[str, int], list[Message]] = {}
    most = 0
    for row in world.rows:
        key, message = (row.subscriber, row.connection), (row.epoch, row.seq)
        detail = row.detail or {}
        if row.kind == "send":
            sizes[message] = row.bytes + len(row.event)
            newest = [*newest, message][-world.size :]
            for queue in queues.values():
                queue.append(message)
            held = set(newest).union(*queues.values())
            if world.on_full == "drop-oldest":
                held = set(newest)  # the drop of an older one follows in the same step
            most = max(most, sum(sizes[one] for one in held))
        elif row.kind == "restart":
            newest, queues = [], {}
        elif row.kind == "replay":
            span = range(detail["first"], detail["last"] + 1) if detail["count"] else ()
            queues[key] = [(row.epoch, seq) for seq in span]
        elif row.kind in ("take", "drop", "expire"):
            queues[key].remove(message)
        elif from_server(row):
            queues.pop(key, None)
    return most
