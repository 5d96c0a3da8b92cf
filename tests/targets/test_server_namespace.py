"""Real packets that really vanish: the network of a run, and the server that notices (SSE-5)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simrt.checkers import judge
from simrt.errors import TargetError
from simrt.history import Row
from simrt.targets.server import namespace
from simrt.targets.server.namespace import own_network, remove_left_overs, why_none
from tests.marks import paced
from tests.targets.small import small
from tests.targets.test_server_faults import history_of, of, own

pytestmark = pytest.mark.real

lost_packets = pytest.mark.skipif(bool(why_none(1)), reason=f"no lost packets here: {why_none(1)}")

WAIT_S = 60


def names() -> list[str]:
    """The namespaces of runs, and their interfaces."""
    listed = subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=True)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.startswith("simrt-")]


def mine(found: list[str], pid: int) -> list[str]:
    """Those of one process: other runs may be under way on this machine."""
    return [name for name in found if name.startswith(f"simrt-{pid}-")]


def ends(rows: list[Row], who: str) -> list[tuple[str, str]]:
    """(side, cause) of a client's closed connections, in order."""
    closed = [row for row in rows if row.kind == "close" and row.subscriber == who]
    return [((row.detail or {})["side"], row.cause) for row in closed]


@paced
@lost_packets
@pytest.mark.rules("SSE-5", "NET-7")
def test_the_server_notices_a_peer_that_acknowledges_nothing(tmp_path: Path) -> None:
    """Two are silent for longer than peerTimeout, two for less, one reads on: only two are gone."""
    spec = small(
        duration="40s",
        options={"bufferSize": 64},
        subscribers={
            "long": {
                "count": 2,
                "reconnect": {"after": "1s", "jitter": "0s"},
                "notices": "at-heal",
            },
            "short": {"count": 2, "online": {"up": "8s", "down": "4s", "silent": True}},
            "other": {},
        },
        faults=[{"at": "6500ms", "half-open": "long", "for": "20s"}],
        server={"peerTimeout": "8s"},
    )
    history = history_of(spec, tmp_path, speed=4.0)
    rows = own(history)
    for who in ("long/0", "long/1"):
        assert ends(rows, who) == [("server", "gone"), ("client", "server")]
        gone, heard = (n for n, r in enumerate(rows) if (r.kind, r.subscriber) == ("close", who))
        online = rows.index(
            next(r for r in rows[gone:] if (r.kind, r.subscriber) == ("online", who))
        )
        assert gone < online < heard  # nobody is told before the silence ends
        assert of(rows, who, "connect") == [("connect", "")] * 2
    for who in ("short/0", "short/1", "other/0"):
        assert ends(rows, who) == []
        seqs = [row.seq for row in rows if (row.kind, row.subscriber) == ("receive", who)]
        assert seqs == list(range(1, 40))  # the kernel repeats what was lost
    silences = [row.detail for row in rows if row.kind == "offline"]
    assert silences == [{"by": "namespace"}] * len(silences)
    assert len(silences) == 2 + 2 * 3
    (verdict,) = [one for one in judge(history) if one.check == "reconnect"]
    # Two reconnects, two that were gone in time, and the short silences with something to repeat.
    assert verdict.judged >= 2 + 2 + 2
    assert mine(names(), os.getpid()) == []


@paced
@pytest.mark.rules("NET-7")
def test_where_packets_cannot_be_lost_a_proxy_does_and_the_rows_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind it the server holds on for as long as it likes: that is not judged."""
    monkeypatch.setattr(namespace, "MOST_MEMBERS", 1)
    spec = small(
        duration="20s",
        count=2,
        notices="at-heal",
        faults=[{"at": "4500ms", "half-open": "g", "for": "9s"}],
        server={"peerTimeout": "3s"},
    )
    rows = own(history_of(spec, tmp_path))
    why = why_none(2)
    assert why
    by = {"by": "proxy", "because": why}
    assert [row.detail for row in rows if row.kind == "offline"] == [by] * 2
    assert {cause for who in ("g/0", "g/1") for _, cause in ends(rows, who)} == {"client", "server"}


@lost_packets
def test_networks_of_runs_side_by_side_do_not_meet() -> None:
    with own_network(3) as one, own_network(2) as two:
        assert one is not None
        assert two is not None
        assert one.host != two.host
        assert len(mine(names(), os.getpid())) == 2
    assert mine(names(), os.getpid()) == []


@lost_packets
def test_what_the_kernel_refuses_is_a_proxy_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(namespace, "_INNER", "a name that no interface can have")
    with own_network(1) as none:
        assert none is None
    assert mine(names(), os.getpid()) == []


@lost_packets
def test_a_silence_that_could_not_be_made_is_no_silence() -> None:
    def end_one_that_never_began() -> None:
        with own_network(1) as made:
            assert made is not None
            made.silence(0, False)

    with pytest.raises(TargetError, match="did not obey"):
        end_one_that_never_began()
    assert mine(names(), os.getpid()) == []


RUN = """
import sys
from pathlib import Path
from tests.targets.small import small
from simrt.targets import server
spec = small(duration="600s", count=2, faults=[{"at": "2s", "half-open": "g", "for": "500s"}])
server.run(spec, 1, history=Path(sys.argv[1]), speed=4.0)
"""


@lost_packets
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_network_outlives_its_run(tmp_path: Path, word: signal.Signals) -> None:
    """Ctrl-C and an orderly end remove it at once, kill -9 leaves it to the next run."""
    path = tmp_path / "h.jsonl"
    rows = tmp_path / "h.jsonl.parts" / "clients.jsonl"
    run = subprocess.Popen((sys.executable, "-c", RUN, str(path)), stderr=subprocess.DEVNULL)
    try:
        for _ in range(WAIT_S * 20):
            assert run.poll() is None
            if len(mine(names(), run.pid)) == 1 and rows.exists():
                break
            time.sleep(0.05)
        assert len(mine(names(), run.pid)) == 1
        run.send_signal(word)
        run.wait(WAIT_S)
    finally:
        run.kill()
        run.wait()
    if word == signal.SIGKILL:
        assert len(mine(names(), run.pid)) == 1
        remove_left_overs()
    assert mine(names(), run.pid) == []
