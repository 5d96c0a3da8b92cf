"""Small histories written by hand: times in seconds, one line a row."""

from __future__ import annotations

from typing import Any

from simrt.history import FORMAT, Header, History, Row
from simrt.metrics import Metrics, measure
from simrt.scenario.model import Scenario

S = 1_000_000_000
FATES = dict.fromkeys(
    ("taken", "dropped-oldest", "dropped-newest", "expired", "discarded", "pending"), 0
)


def scenario(
    *,
    duration: str = "100s",
    kind: str = "notifications",
    useful_for: str = "none",
    buffer_size: int = 4,
    on_full: str = "drop-oldest",
    groups: dict[str, int] | None = None,
    expect: tuple[str, ...] = (),
    poisson: bool = False,
) -> Scenario:
    senders = [{"hook": "POST /news", "permission": {"user": ["POST"]}, "sends": "e"}]
    publish = [{"event": "e", "arrivals": {"poisson": "1/s"}}]
    return Scenario.model_validate(
        {
            "title": "a tale",
            "intent": {"kind": kind, "useful_for": useful_for},
            "feature": {
                "project": "shop",
                "channel": "news",
                "options": {"bufferSize": buffer_size, "onFull": on_full},
                "stream": {"path": "/news", "permission": {"public": ["GET"]}},
                "events": {"e": {"type": "object", "examples": [{}]}},
                "senders": senders if poisson else [],
            },
            "workload": {
                "duration": duration,
                "publish": publish if poisson else [],
                "subscribers": {
                    name: {"count": count} for name, count in (groups or {"g": 1}).items()
                },
            },
            "expect": list(expect),
        }
    )


class Tale:
    """Collects rows; `t` is in seconds and may be a float."""

    def __init__(self, **settings: Any) -> None:
        self.scenario = scenario(**settings)
        self.rows: list[Row] = []
        self.epoch = "a"

    def row(self, t: float, kind: str, **columns: Any) -> Tale:
        columns = {"project": "shop", "channel": "news", "epoch": self.epoch, **columns}
        self.rows.append(Row(round(t * S), kind, **columns))
        return self

    def send(self, t: float, seq: int, size: int = 9) -> Tale:
        return self.row(t, "send", seq=seq, event="e", bytes=size, digest="d")

    def connect(
        self, t: float, who: str = "g/0", n: int = 1, replay: tuple[int, int] | None = None
    ) -> Tale:
        first, last = replay or (0, 0)
        count = last - first + 1 if replay else 0
        self.row(t, "connect", subscriber=who, connection=n, detail={"status": 200})
        detail = {"count": count, "first": first, "last": last, "last_n": 5, "max_age_ns": None}
        return self.row(t, "replay", subscriber=who, connection=n, detail=detail)

    def take(self, t: float, seq: int, who: str = "g/0", n: int = 1) -> Tale:
        return self.row(t, "take", seq=seq, subscriber=who, connection=n, event="e", bytes=9)

    def receive(self, t: float, seq: int, who: str = "g/0", n: int = 1, **more: Any) -> Tale:
        return self.row(
            t, "receive", seq=seq, subscriber=who, connection=n, event="e", bytes=9, **more
        )

    def arrive(self, t: float, seq: int, who: str = "g/0", n: int = 1) -> Tale:
        """Taken and received in one instant."""
        return self.take(t, seq, who, n).receive(t, seq, who, n)

    def drop(self, t: float, seq: int, cause: str, who: str = "g/0", n: int = 1) -> Tale:
        return self.row(t, "drop", seq=seq, cause=cause, subscriber=who, connection=n)

    def expire(self, t: float, seq: int, who: str = "g/0", n: int = 1) -> Tale:
        return self.row(t, "expire", seq=seq, cause="ttl", subscriber=who, connection=n)

    def close(self, t: float, who: str = "g/0", n: int = 1, pending: tuple[int, ...] = ()) -> Tale:
        """Both sides, in one instant."""
        self.client_close(t, who, n)
        return self.server_close(t, who, n, pending)

    def client_close(self, t: float, who: str = "g/0", n: int = 1) -> Tale:
        detail = {"side": "client", "received": 0}
        return self.row(t, "close", cause="offline", subscriber=who, connection=n, detail=detail)

    def server_close(
        self, t: float, who: str = "g/0", n: int = 1, pending: tuple[int, ...] = ()
    ) -> Tale:
        detail = {"side": "server", "fates": FATES, "pending": list(pending)}
        return self.row(t, "close", cause="client", subscriber=who, connection=n, detail=detail)

    def refuse(self, t: float, who: str = "g/0", n: int = 1) -> Tale:
        """The client gave the attempt up before it had an answer."""
        return self.row(t, "refuse", epoch="", cause="offline", subscriber=who, connection=n)

    def restart(self, t: float, epoch: str) -> Tale:
        self.rows.append(Row(round(t * S), "restart", epoch=self.epoch, cause="server"))
        self.epoch = epoch
        return self

    def history(self) -> History:
        header = Header(FORMAT, self.scenario.normalised(), "sim", 1)
        return History(header, self.rows)

    def measure(self) -> Metrics:
        return measure(self.history())
