"""What the report claims, held against what is so: the engine's behaviour, delays known by hand."""

import re

import numpy as np
import pytest

from simrt.engine import ChannelOptions, Hub, ReplayOptions
from simrt.history import FORMAT, Header, History, Row
from simrt.report.experience import experience
from simrt.report.feature import settings
from simrt.report.figures.delay import delay
from simrt.report.rules import RULES
from simrt.report.story import tell
from tests.report.checks import check_of
from tests.report.synthetic import scenario

S = 1_000_000_000
SENT = 10
UNITS = {"µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600}


def meanings(options=None, replay=None):
    """What the report says about each setting, by its name."""
    feature = scenario().normalised()["feature"]
    feature["options"] = {"bufferSize": 8, "onFull": "drop-oldest", **(options or {})}
    feature["stream"]["replay"] = replay or {}
    return {each.name: each.meaning for each in settings(scenario(feature=feature))}


def lost_first(on_full):
    """Which of three events a full buffer of two loses: `oldest` or `new`."""
    channel = (
        Hub(epoch="e").project("p").channel("c", ChannelOptions(buffer_size=2, on_full=on_full))
    )
    subscription = channel.subscribe(ReplayOptions(last_n=0), now=0)
    for now in (1, 2, 3):
        channel.send("e", {}, now=now)
    left = [message.seq for message in subscription.take(4, 10)]
    return {(2, 3): "oldest", (1, 2): "new"}[tuple(left)]


@pytest.mark.rules("BUF-2", "BUF-3")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_on_full_names_the_end_that_is_lost(on_full):
    lost = lost_first(on_full)
    other = {"oldest": "new", "new": "oldest"}[lost]
    said = meanings({"onFull": on_full})["onFull"]
    assert lost in said
    assert other not in said


@pytest.mark.rules("BUF-2", "BUF-3")
@pytest.mark.parametrize("on_full", ["drop-oldest", "drop-newest"])
def test_so_does_the_sentence_of_the_rule(on_full):
    (sentence,) = [text for text in RULES.values() if text.startswith(f"{on_full}:")]
    loses = re.search(r"loses its oldest|skips the new", sentence)
    assert loses, sentence
    assert lost_first(on_full) in loses[0]


@pytest.mark.rules("REP-1", "REP-2", "REP-5")
@pytest.mark.parametrize("last_n", [None, 0, 1, 3, 20])
@pytest.mark.parametrize("max_age", [None, 4, 50])
def test_replay_is_said_to_bring_what_it_brings(last_n, max_age):
    channel = Hub(epoch="e").project("p").channel("c", ChannelOptions(buffer_size=8))
    for now in range(1, SENT + 1):
        channel.send("e", {}, now=now * S)
    limits = ReplayOptions(last_n=last_n, max_age_ns=None if max_age is None else max_age * S)
    brought = len(channel.subscribe(limits, now=SENT * S).take(SENT * S, 100))
    written = {"lastN": last_n, "maxAge": None if max_age is None else f"{max_age}s"}
    replay = {name: value for name, value in written.items() if value is not None}
    said = meanings(replay=replay)
    none_at_all = [name for name in ("lastN", "maxAge") if "No replay" in said[name]]
    assert bool(none_at_all) == (brought == 0)
    if last_n:
        assert re.search(rf"at most {last_n}\b", said["lastN"])
        assert brought <= last_n
    if max_age is not None:
        assert re.search(rf"nothing older than {max_age}\b", said["maxAge"].replace("\u00a0", " "))


@pytest.mark.rules("TTL-2", "TTL-3", "HIS-1", "BUF-1")
def test_buffer_and_expiry_say_their_own_numbers():
    said = {name: text.replace("\u00a0", " ") for name, text in meanings().items()}
    assert "keeps 8 events" in said["bufferSize"]
    assert "never expire" in said["messageTTL"]
    said = meanings({"bufferSize": 1, "messageTTL": "20s"})
    assert "keeps 1 event;" in said["bufferSize"].replace("\u00a0", " ")
    assert "After 20 s an event is neither" in said["messageTTL"].replace("\u00a0", " ")


# --- half, 90 %, all ------------------------------------------------------------------------------

DELAYS_S = np.sort(np.r_[np.linspace(0.010, 0.200, 989), np.linspace(1, 6, 10), 31.0])


def one_by_one():
    """A run on which the delays are these: the slowest of a thousand is five times the next."""
    names = {"project": "shop", "channel": "admin-notifications", "epoch": "e"}
    who = {"subscriber": "office/0", "connection": 1}
    scene = scenario(
        workload={"duration": "100000s", "subscribers": {"office": {"count": 1}}},
        faults=[], expect=[],
    )  # fmt: skip
    replay = {"count": 0, "first": 0, "last": 0, "last_n": 3, "max_age_ns": None}
    rows = [
        Row(0, "connect", **names, **who, detail={"status": 200}),
        Row(0, "replay", **names, **who, detail=replay),
    ]
    for seq, late in enumerate(DELAYS_S, 1):
        at = seq * 40 * S
        event = {"seq": seq, "event": "content-updated", "bytes": 20, "digest": f"{seq}"}
        sender = {"offered": 1, "sender": "POST /content"}
        rows += [
            Row(at, "send", **names, **event, detail=sender),
            Row(at, "take", **names, **who, **event),
            Row(at + round(late * S), "receive", **names, **who, **event),
        ]
    rows.append(Row(100_000 * S, "end", detail={"run": "complete"}))
    return History(Header(FORMAT, scene.normalised(), "sim", 1), rows)


def as_seconds(text):
    number, unit = text.strip().split(" ")
    return float(number.replace(",", "")) * UNITS[unit]


@pytest.fixture(scope="module")
def told():
    history = one_by_one()
    return history, tell(history)


def test_half_90_and_all_are_what_they_say(told):
    history, story = told
    check = check_of([history], history.scenario)
    (group,) = experience(check, check.runs, [story])
    (line,) = [line for line in group.lines if line.label.startswith("Delay until it arrives")]
    named = re.findall(r"half|\d+ %|all", line.label)
    figures = dict(zip(named, map(as_seconds, line.cells[0].split(" / ")), strict=True))
    truth = {"half": 0.5, "90 %": 0.9, "99 %": 0.99, "all": 1.0}
    assert set(figures) >= {"half", "all"}
    for name, value in figures.items():
        assert value == pytest.approx(np.quantile(DELAYS_S, truth[name]), rel=0.05), name


def test_the_figure_says_the_same(told):
    _, story = told
    (figure,) = delay([story])
    head, (row, *_) = figure.table
    assert row[:3] == ("office", "live", "1,000")
    truth = {"half within": 0.5, "90 % within": 0.9, "99 % within": 0.99, "all within": 1.0}
    for name, share in truth.items():
        value = as_seconds(row[head.index(name)])
        assert value == pytest.approx(np.quantile(DELAYS_S, share), rel=0.1), name
        text = row[head.index(name)]
        said = {"half within": f"half within {text}", "all within": f"all within {text}"}
        assert said.get(name, f"{name} {text}") in figure.alt
