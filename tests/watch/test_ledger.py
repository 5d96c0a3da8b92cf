"""The ledger: by hand, and against the metrics of simulated runs, member by member."""

from __future__ import annotations

import pytest

from simrt.history import FORMAT, Header, History, Row
from simrt.metrics import measure
from simrt.report.palette import MISSED, RECEIVED
from simrt.watch.ledger import CODES, KEPT, ON_THE_WAY, WAITING, Ledger, Member
from tests.properties.counts import watched
from tests.targets.small import simulate, small

FATES = {"dropped-oldest", "dropped-newest", "expired", "offline", "connection-lost", "restart"}


def test_the_names_are_those_of_the_report() -> None:
    assert {RECEIVED.name, *(look.name for look in MISSED), WAITING, ON_THE_WAY} == set(CODES)


class Course:
    """Feeds rows to a ledger, one channel `c` of `p`, as a server and its clients do."""

    def __init__(self, *names: str) -> None:
        self.ledger = Ledger([small(options={"bufferSize": 20 * KEPT})], ("page",))
        self.epoch = "e1"
        self.seq = 0
        for name in names:
            self.ledger.follow(name)

    def row(self, kind: str, name: str = "", seq: int = 0, connection: int = 1, **more) -> None:
        where = ("p", "c", self.epoch)
        self.ledger.row(
            Row(self.seq, kind, *where, seq, subscriber=name, connection=connection, **more)
        )

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            self.seq += 1
            self.row("send", seq=self.seq)

    def connect(self, name: str, connection: int = 1, replay: range = range(0)) -> None:
        self.row("connect", name, connection=connection)
        first, last = (replay[0], replay[-1]) if replay else (0, 0)
        detail = {"count": len(replay), "first": first, "last": last}
        self.row("replay", name, connection=connection, detail=detail)

    def member(self, name: str) -> Member:
        return self.ledger.members[name]

    def codes(self, name: str) -> list[str]:
        return [code for _, code, _ in self.member(name).latest(100)]


def test_the_life_of_an_event() -> None:
    on = Course("page/0")
    on.connect("page/0")
    on.send(3)
    assert on.codes("page/0") == [WAITING] * 3
    on.row("drop", "page/0", 1, cause="drop-oldest")
    on.row("take", "page/0", 2)
    assert on.codes("page/0") == ["dropped-oldest", ON_THE_WAY, WAITING]
    assert (on.member("page/0").in_flight, on.member("page/0").behind) == (1, 3)
    on.member("page/0").received("e1", 2)
    on.row("expire", "page/0", 3, cause="ttl")
    assert on.codes("page/0") == ["dropped-oldest", "received", "expired"]
    assert on.member("page/0").newest_ns == 2
    assert (on.member("page/0").in_flight, on.member("page/0").behind) == (0, 1)


def test_what_is_sent_without_a_connection_is_missed_until_a_replay_brings_it() -> None:
    on = Course("page/0")
    on.send(1)
    on.connect("page/0")
    on.row("close", "page/0", cause="client")
    on.member("page/0").left(1)
    on.send(2)
    assert on.codes("page/0") == ["offline"] * 2
    on.connect("page/0", 2, range(1, 4))
    assert on.codes("page/0") == [WAITING] * 3
    for seq in (1, 2, 3):
        on.row("take", "page/0", seq, 2)
        on.member("page/0").received("e1", seq)
    member = on.member("page/0")
    assert (member.counts["received"], member.earlier, sum(member.counts.values())) == (2, 1, 2)
    member.received("e1", 3)
    assert member.duplicates == 1


def test_a_restart_loses_what_waits_and_what_is_on_its_way() -> None:
    on = Course("page/0")
    on.connect("page/0")
    on.send(2)
    on.row("take", "page/0", 1)
    on.row("close", "page/0", cause="shutdown")
    assert on.codes("page/0") == [ON_THE_WAY, "restart"]
    on.member("page/0").left(1)
    assert on.codes("page/0") == ["restart"] * 2
    on.epoch, on.seq = "e2", 0
    on.connect("page/0", 2)
    on.send(1)
    on.row("take", "page/0", 1, 2)
    on.member("page/0").received("e2", 1)
    assert on.codes("page/0") == ["restart", "restart", "received"]
    on.member("page/0").received("e1", 1)  # it was read from the old connection after all
    assert on.codes("page/0") == ["received", "restart", "received"]


def test_the_latest_connection_decides() -> None:
    """The server may notice the end of the old one only when the new one has begun."""
    on = Course("page/0")
    on.connect("page/0")
    on.send(1)
    on.member("page/0").left(1)
    on.connect("page/0", 2, range(1, 2))
    on.row("drop", "page/0", 1, 1, cause="drop-oldest")
    on.row("close", "page/0", connection=1, cause="network")
    assert on.codes("page/0") == [WAITING]


def test_what_the_server_took_for_a_client_that_had_left_is_lost() -> None:
    on = Course("page/0")
    on.connect("page/0")
    on.send(1)
    on.member("page/0").left(1)
    on.row("take", "page/0", 1)
    assert on.codes("page/0") == ["connection-lost"]
    on.row("close", "page/0", cause="network")
    assert on.codes("page/0") == ["connection-lost"]


def test_a_client_that_tells_late_of_its_old_connection_keeps_the_new_one() -> None:
    on = Course("page/0")
    on.connect("page/0")
    on.row("close", "page/0", cause="client")
    on.connect("page/0", 2)
    on.send(1)
    on.row("take", "page/0", 1, 2)
    on.member("page/0").left(1)
    assert on.codes("page/0") == [ON_THE_WAY]


def test_strangers_are_not_followed() -> None:
    on = Course("page/0")
    on.connect("anonymous/0")
    on.connect("page/7")
    on.row("close", "page/7", cause="client")
    assert on.ledger.members == {}
    on.connect("page/0")
    on.ledger.forget("page/0")
    on.row("close", "page/0", cause="client")
    assert on.ledger.members == {}


def test_memory_is_bounded_and_nothing_is_miscounted() -> None:
    on = Course("page/0", "page/1")
    on.connect("page/0")
    on.connect("page/1")
    for _ in range(20 * KEPT):
        on.send(1)
        on.row("take", "page/0", on.seq)
        on.member("page/0").received("e1", on.seq)
    assert on.member("page/0").counts["received"] == 20 * KEPT
    assert len(on.member("page/0")._settled) <= KEPT
    on.row("close", "page/1", cause="client")  # what waits is kept, however long it does
    assert on.member("page/1").counts["connection-lost"] == 20 * KEPT
    on.send(KEPT)
    assert len(on.member("page/1")._settled) <= KEPT
    assert len(on.member("page/1")._books().outcomes.runs()) < KEPT


SUBSCRIBERS = {
    "quick": {"count": 2, "drain": "1ms", "window": 2},
    "slow": {"count": 2, "drain": {"exponential": "900ms"}, "window": 2},
    "train": {
        "count": 2,
        "drain": {"exponential": "50ms"},
        "window": 3,
        "online": {"up": {"exponential": "8s"}, "down": {"exponential": "3s"}},
    },
}
FAULTS = [
    {"at": "20s", "stall": "quick", "for": "10s"},
    *({"at": "35s", "disconnect": group, "for": "2s"} for group in SUBSCRIBERS),
    {"at": "45s", "restart": "server", "for": "2s"},
]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("options", "replay"),
    [
        ({"bufferSize": 4}, {}),
        ({"bufferSize": 3, "onFull": "drop-newest"}, {"lastN": 3, "maxAge": "none"}),
        ({"bufferSize": 8, "messageTTL": "2s"}, {"lastN": 5, "maxAge": "4s"}),
        ({"bufferSize": 2, "onFull": "drop-newest", "messageTTL": "3s"}, {"lastN": 1}),
    ],
)
def test_it_agrees_with_the_metrics_of_a_run(seed, options, replay) -> None:
    scenario = small(
        duration="60s",
        publish=[{"event": "e", "arrivals": {"poisson": "5/s"}}],
        options=options,
        replay=replay or None,
        subscribers=SUBSCRIBERS,
        faults=FAULTS,
    )
    rows = simulate(scenario, seed)
    metrics = measure(History(Header(FORMAT, scenario.normalised(), "sim", seed), rows))
    ledger = watched(History(Header(FORMAT, scenario.normalised(), "sim", seed), rows))
    names = [f"{group}/{n}" for group in SUBSCRIBERS for n in range(2)]
    reached = set()
    for name in names:
        member = ledger.members[name]
        for code in (*FATES, "received"):
            metric = "received" if code == "received" else f"missed_{code.replace('-', '_')}"
            assert member.counts[code] == metrics.value(metric, subscriber=name), (name, code)
        waiting = member.counts[WAITING] + member.counts[ON_THE_WAY]
        assert waiting == metrics.value("unfinished", subscriber=name)
        assert member.duplicates == metrics.value("duplicates", subscriber=name)
        assert member.earlier == metrics.value("earlier", subscriber=name)
        reached |= {code for code, number in member.counts.items() if number}
    dropped = f"dropped-{options.get('onFull', 'drop-oldest').removeprefix('drop-')}"
    assert reached >= {"received", "offline", "connection-lost", "restart", dropped}
    assert ("expired" in reached) == ("messageTTL" in options)
