"""Hand-written histories: one line a row, readable enough to be checked by eye.

A line is TIME KIND and what the kind needs; `#` joins subscriber and connection:

    2.3  send     5 offered=1
    2.3  drop     a/0#1 3 drop-oldest
    2.5  take     a/0#1 4
    15.2 close    a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10

`send … in=neighbour` is the other project's. Any field of a row can be set: `digest=x`, `epoch=e1`.
The data of message 5 of epoch e1 is made from just these words, so that equal messages have equal
digests and no others.
"""

from __future__ import annotations

from typing import Any

from simrt.history import FORMAT, Header, History, Row, digest_of
from simrt.scenario.model import Scenario

NEIGHBOUR = "shop-neighbour"
FATES = ("taken", "dropped-oldest", "dropped-newest", "expired", "discarded", "pending")
_NUMBERS = ("seq", "bytes", "connection", "t_ns")
_TEXTS = ("project", "channel", "epoch", "event", "digest", "subscriber", "cause")


def scenario(**changes: Any) -> Scenario:
    """A small valid scenario; `options`, `replay`, `groups` and any top-level key can be given."""
    groups = changes.pop("groups", {"a": {}})
    feature = {
        "project": "shop",
        "channel": "news",
        "options": changes.pop("options", {"bufferSize": 2, "onFull": "drop-oldest"}),
        "stream": {
            "path": "/news",
            "permission": changes.pop("permission", {"user": ["GET"]}),
            "replay": changes.pop("replay", {}),
        },
        "events": changes.pop("events", {"news": NEWS}),
        "senders": [
            {"hook": "POST /news", "permission": {"token:editor": ["POST"]}, "sends": "news"}
        ],
    }
    return Scenario.model_validate(
        {
            "title": "By hand",
            "intent": {"kind": "notifications"},
            "feature": feature,
            "workload": {"duration": "100s", "subscribers": groups},
            "server": {"retrySpread": "none", "quiet": "1s", "writeDeadline": "10s"},
        }
        | changes
    )


NEWS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {"id": {"type": "string"}},
    "examples": [{"id": "7"}],
}


def history(
    text: str,
    of: Scenario | None = None,
    *,
    target: str = "sim",
    resolution_ns: int = 0,
    emulated: bool = False,
) -> History:
    """The history that these lines write."""
    of = of or scenario()
    header = Header(
        FORMAT, of.normalised(), target, 1, resolution_ns=resolution_ns, emulated=emulated
    )
    return History(header, rows(text, of))


def rows(text: str, of: Scenario) -> list[Row]:
    """The rows that these lines write."""
    reader = _Reader(of)
    return [reader.row(line.split()) for line in text.splitlines() if line.strip()]


def edited(text: str, *edits: tuple[str, str]) -> str:
    """The text with some lines exchanged; each must stand there once. "" deletes, "\\n" adds."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    for old, new in edits:
        assert lines.count(old) == 1, f"{lines.count(old)} lines say {old!r}"
        at = lines.index(old)
        lines[at : at + 1] = [line.strip() for line in new.splitlines() if line.strip()]
    return "\n".join(lines)


class _Reader:
    def __init__(self, of: Scenario) -> None:
        self.of = of
        self.epoch = "e1"
        self.epochs: dict[tuple[str, int], str] = {}
        self.faults: dict[tuple[str, str, str], int] = {}

    def row(self, words: list[str]) -> Row:
        time, kind, *rest = words
        bare = [word for word in rest if "=" not in word]
        named = dict(word.split("=", 1) for word in rest if "=" in word)
        fields: dict[str, Any] = {"t_ns": round(float(time) * 1e9), "kind": kind}
        getattr(self, f"_{kind.replace('-', '_')}")(fields, bare, named)
        fields.update({key: named[key] for key in _TEXTS if key in named})
        fields.update({key: int(named[key]) for key in _NUMBERS if key in named})
        return Row(**fields)

    def _place(self, fields: dict[str, Any], *, near: bool, epoch: str) -> None:
        fields.update(project=NEIGHBOUR if near else "shop", channel="news", epoch=epoch)

    def _who(self, fields: dict[str, Any], word: str, *, begins: bool = False) -> None:
        name, _, number = word.partition("#")
        key = (name, int(number))
        if begins:
            self.epochs[key] = self.epoch
        self._place(fields, near=name.startswith("neighbour/"), epoch=self.epochs.get(key, ""))
        fields.update(subscriber=name, connection=int(number))

    def _data(self, fields: dict[str, Any], seq: str, named: dict[str, str]) -> None:
        near = fields["project"] == NEIGHBOUR
        words = f"{fields['project']}/{named.get('epoch', fields['epoch'])}/{seq}"
        fields.update(
            seq=int(seq),
            event="neighbour-event" if near else "news",
            bytes=20,
            digest=digest_of(named.get("data", words).encode()),
        )

    def _send(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        self._place(fields, near=named.get("in") == "neighbour", epoch=self.epoch)
        self._data(fields, bare[0], named)
        sender = named.get("sender", "POST /news").replace("_", " ")
        fields["detail"] = {"offered": int(named["offered"]), "sender": sender}
        if "part" in named:
            fields["detail"]["part"] = int(named["part"])

    def _reject(self, fields: dict[str, Any], bare: list[str], _: dict[str, str]) -> None:
        self._place(fields, near=False, epoch="")
        fields.update(event=bare[0], cause=bare[1])

    def _connect(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        self._who(fields, bare[0], begins=True)
        fields["detail"] = {"status": int(named.get("status", 200))}

    def _replay(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        self._who(fields, bare[0])
        first, last = (0, 0) if bare[1] == "-" else map(int, bare[1].split("-"))
        limits = self.of.feature.stream.replay
        fields["detail"] = {
            "count": int(named.get("count", last - first + 1 if first else 0)),
            "first": first,
            "last": last,
            "last_n": int(named["last_n"]) if "last_n" in named else limits.last_n,
            "max_age_ns": int(named["max_age_ns"]) if "max_age_ns" in named else limits.max_age_ns,
        }

    def _take(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        self._who(fields, bare[0])
        self._data(fields, bare[1], named)

    _receive = _take

    def _drop(self, fields: dict[str, Any], bare: list[str], _: dict[str, str]) -> None:
        self._who(fields, bare[0])
        fields.update(seq=int(bare[1]), cause=bare[2])

    def _expire(self, fields: dict[str, Any], bare: list[str], _: dict[str, str]) -> None:
        self._who(fields, bare[0])
        fields.update(seq=int(bare[1]), cause="ttl")

    def _refuse(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        self._who(fields, bare[0])
        fields["cause"] = bare[1]
        detail: dict[str, Any] = self._probe(fields)
        if "status" in named:
            detail["status"] = int(named["status"])
        fields["detail"] = detail or None

    _gave_up = _refuse

    @staticmethod
    def _probe(fields: dict[str, Any]) -> dict[str, Any]:
        group, _, probe = fields["subscriber"].partition("/")
        return {"probe": probe, "endpoint": "GET /shop/news"} if group == "probe" else {}

    def _close(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        if bare == ["run"]:
            fields["detail"] = {"run": "complete"}
            return
        self._who(fields, bare[0])
        if bare[2:]:
            fields["cause"] = bare[2]
        if bare[1] == "client":
            fields["detail"] = {"side": "client", "received": int(named["received"])}
            if fields["subscriber"].startswith("probe/"):
                status = int(named.get("status", 200))
                fields["detail"] |= self._probe(fields) | {"status": status}
            return
        pending = [int(seq) for seq in named.get("pending", "").split(",") if seq]
        waiting = "pending" if fields["kind"] == "end" else "discarded"
        fates = {fate: int(named.get(fate, 0)) for fate in FATES if fate != "pending"}
        fates |= {"pending": 0, waiting: int(named.get(waiting, len(pending)))}
        if waiting == "pending":
            fates["pending"] = len(pending)
        fields["detail"] = {"side": "server", "fates": fates, "pending": pending}

    _end = _close

    def _offline(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        fields.update(subscriber=bare[0], cause=" ".join(bare[1:]))
        if "by" in named:
            fields["detail"] = {"by": named["by"]}

    _online = _offline

    def _restart(self, fields: dict[str, Any], *_: object) -> None:
        fields.update(epoch=self.epoch, cause="server")

    def _fault(self, fields: dict[str, Any], bare: list[str], named: dict[str, str]) -> None:
        kind, whom = bare
        # The n-th row of its kind about these is about the n-th such fault of the scenario.
        same = [
            i for i, fault in enumerate(self.of.faults) if (fault.kind, fault.whom) == (kind, whom)
        ]
        key = (fields["kind"], kind, whom)
        self.faults[key] = nth = self.faults.get(key, -1) + 1
        index = int(named["index"]) if "index" in named else [*same, 0, 0, 0][nth]
        fields.update(cause=kind, detail={"index": index, "whom": whom})
        group = self.of.workload.subscribers.get(whom)
        if group is not None:
            told = named.get("members", ",".join(map(str, range(group.count))))
            fields["detail"]["members"] = [int(member) for member in told.split(",")]
        if fields["kind"] == "heal" and kind == "restart":
            self.epoch = fields["epoch"] = named.get("epoch", f"e{int(self.epoch[1:]) + 1}")

    _heal = _fault


# --- two good histories -------------------------------------------------------------------------

OLDEST = scenario(
    options={"bufferSize": 2, "onFull": "drop-oldest", "messageTTL": "10s"},
    replay={"lastN": 2, "maxAge": "8s"},
    groups={
        "a": {"online": {"up": "15200ms", "down": "3800ms"}},
        "b": {},
        "w": {"credentials": "wrong"},
    },
    faults=[{"at": "30s", "restart": "server", "for": "5s"}],
    expect=["reached(drop-oldest)", "reached(expired-while-pending) and reached(restart)"],
)
"""Oldest first, events that expire, a replay, a client that loses its network, a restart."""

# b comes late and keeps up; a is slow; w has the wrong credentials.
OLDEST_ROWS = """
0     connect a/0#1
0     replay  a/0#1 -
0     refuse  w/0#1 status status=401
0     gave-up w/0#1 status status=401
0     connect neighbour/0#1
0     replay  neighbour/0#1 -
1     send    1 offered=1
1     take    a/0#1 1
1.1   receive a/0#1 1
1.2   send    1 in=neighbour offered=1
1.2   take    neighbour/0#1 1
1.2   receive neighbour/0#1 1
2     send    2 offered=1
2     take    a/0#1 2
2.1   send    3 offered=1
2.2   send    4 offered=1
2.3   send    5 offered=1
2.3   drop    a/0#1 3 drop-oldest
2.5   receive a/0#1 2
2.5   take    a/0#1 4
2.6   receive a/0#1 4
2.6   take    a/0#1 5
2.7   receive a/0#1 5
3     send    6 offered=1
3     take    a/0#1 6
3.5   send    7 offered=1
14    receive a/0#1 6
14    expire  a/0#1 7
14.5  send    8 offered=1
14.5  take    a/0#1 8
14.6  receive a/0#1 8
15    send    9 offered=1
15    take    a/0#1 9
15.1  send    10 offered=1
15.2  offline a/0
15.2  close   a/0#1 client offline received=6
15.2  close   a/0#1 server client taken=7 dropped-oldest=1 expired=1 pending=10
16    send    11 offered=0
18.5  refuse  a/0#2 offline
19    online  a/0
22    connect a/0#3
22    replay  a/0#3 10-11
22    take    a/0#3 10
22.1  receive a/0#3 10
22.1  take    a/0#3 11
22.2  receive a/0#3 11
24    connect b/0#1
24    replay  b/0#1 11-11
24    take    b/0#1 11
24    receive b/0#1 11
25    send    12 offered=2
25    take    a/0#3 12
25    take    b/0#1 12
25.1  receive b/0#1 12
25.2  send    13 offered=2
25.2  take    b/0#1 13
25.3  receive b/0#1 13
30    fault   restart server
30    restart
30    close   b/0#1 client server received=3
30    close   neighbour/0#1 client server received=1
30.2  receive a/0#3 12
30.2  close   a/0#3 client server received=3
31    reject  news down
33.4  refuse  b/0#2 down
33.5  refuse  a/0#4 down
33.6  refuse  neighbour/0#2 down
35    heal    restart server
36.5  connect b/0#3
36.5  replay  b/0#3 -
37    connect a/0#5
37    replay  a/0#5 -
37    connect neighbour/0#3
37    replay  neighbour/0#3 -
38    send    1 offered=2
38    take    b/0#3 1
38    take    a/0#5 1
38    receive b/0#3 1
38.1  receive a/0#5 1
39    send    1 in=neighbour offered=1
39    take    neighbour/0#3 1
39    receive neighbour/0#3 1
99    send    2 offered=2
99    take    b/0#3 2
99    receive b/0#3 2
99    take    a/0#5 2
99.1  send    3 offered=2
99.1  take    b/0#3 3
99.1  receive b/0#3 3
101   end     b/0#3 server taken=3
101   end     a/0#5 server taken=2 pending=3
101   end     neighbour/0#3 server taken=1
101   end     b/0#3 client received=3
101   end     a/0#5 client received=1
101   end     neighbour/0#3 client received=1
101   end     run
"""

NEWEST = scenario(
    options={"bufferSize": 2, "onFull": "drop-newest"},
    replay={"lastN": 2},
    groups={"s": {}},
    faults=[{"at": "2500ms", "stall": "s", "for": "20s"}],
    expect=["reached(drop-newest)", "reached(stalled)", "not reached(drop-oldest)"],
)
"""Newest first, a client that stops reading, a server that ends its connection, probes."""

NEWEST_ROWS = """
0      connect s/0#1
0      replay  s/0#1 -
0      connect neighbour/0#1
0      replay  neighbour/0#1 -
1      send    1 offered=1
1      take    s/0#1 1
1.1    send    2 offered=1
1.2    send    3 offered=1
1.3    send    4 offered=1
1.3    drop    s/0#1 4 drop-newest
1.5    send    1 in=neighbour offered=1
1.5    take    neighbour/0#1 1
1.5    receive neighbour/0#1 1
2      receive s/0#1 1
2      take    s/0#1 2
2.1    receive s/0#1 2
2.1    take    s/0#1 3
2.2    receive s/0#1 3
2.5    fault   stall s
3      send    5 offered=1
3      take    s/0#1 5
3.1    send    6 offered=1
13.1   close   s/0#1 server stalled taken=4 dropped-newest=1 pending=6
22.5   heal    stall s
22.5   receive s/0#1 5
22.5   close   s/0#1 client server received=4
25.9   connect s/0#2
25.9   replay  s/0#2 5-6
25.9   send    7 offered=1
25.9   drop    s/0#2 7 drop-newest
26     take    s/0#2 5
26.1   receive s/0#2 5
26.1   take    s/0#2 6
26.2   receive s/0#2 6
27     send    8 offered=1
27     take    s/0#2 8
27.1   receive s/0#2 8
100    end     s/0#2 server taken=3 dropped-newest=1
100    end     neighbour/0#1 server taken=1
100    end     s/0#2 client received=3
100    end     neighbour/0#1 client received=1
100.1  refuse  probe/none#1 status status=401
100.2  refuse  probe/wrong#1 status status=401
100.3  refuse  probe/expired#1 status status=401
100.4  refuse  probe/other-project#1 status status=401
100.5  connect probe/right#1
100.5  replay  probe/right#1 7-8
100.5  take    probe/right#1 7
100.5  take    probe/right#1 8
100.6  receive probe/right#1 7
100.6  close   probe/right#1 client client received=1
100.6  close   probe/right#1 server client taken=2
100.7  end     run
"""


def oldest(*edits: tuple[str, str]) -> History:
    """The good history of `OLDEST`, with some lines exchanged."""
    return history(edited(OLDEST_ROWS, *edits), OLDEST)


def newest(*edits: tuple[str, str]) -> History:
    """The good history of `NEWEST`, with some lines exchanged."""
    return history(edited(NEWEST_ROWS, *edits), NEWEST, target="server", resolution_ns=1_000_000)
