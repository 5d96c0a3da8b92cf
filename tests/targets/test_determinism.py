"""Same scenario, same seed: the same bytes, wherever and beside whatever they are made."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simrt.history import HistoryWriter, encode_row, read_history
from simrt.runs import record
from simrt.scenario import scenario
from simrt.targets import sim
from tests.targets.small import small

LIVELY = {
    "subscribers": {
        "office": {"count": 4, "drain": {"exponential": "80ms"}, "latency": "5ms", "window": 2},
        "train": {
            "count": 3,
            "drain": {"erlang": {"mean": "90ms", "shape": 3}},
            "latency": "40ms",
            "online": {"up": {"exponential": "6s"}, "down": {"exponential": "2s"}},
            "reconnect": {"after": "1s", "jitter": "1s", "backoff": 2, "atMost": "8s"},
        },
    },
    "publish": [
        {"event": "e", "arrivals": {"poisson": "8/s"}},
        {"event": "e", "arrivals": {"batch": {"rate": "1/s", "size": {"geometric": 4}}}},
    ],
    "duration": "40s",
    "replay": {"lastN": 3, "maxAge": "5s"},
    "server": {"retrySpread": ["2s", "5s"], "heartbeat": "3s"},
    "faults": [
        {"at": "10s", "stall": "office", "for": "5s"},
        {"at": "20s", "restart": "server", "for": "1s"},
        {"at": "30s", "disconnect": "train", "by": 0.5, "for": "2s"},
    ],
}


def lively(**changes):
    return small(**(LIVELY | changes))


def digest(made, seed=7):
    total = hashlib.blake2b()
    sim.run(made, seed, write=lambda row: total.update(encode_row(row)))
    return total.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    assert digest(lively()) == digest(lively())
    assert digest(lively(), seed=8) != digest(lively())


def test_the_file_is_the_same_to_the_byte(tmp_path):
    for name in ("a.jsonl", "b.jsonl", "a.jsonl.gz", "b.jsonl.gz"):
        record(lively(), "sim", 7, history=tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_process_under_another_hash_seed_gives_the_same_bytes(hash_seed):
    code = "from tests.targets.test_determinism import *; print(digest(lively()))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == digest(lively())


def rows_of(made, groups):
    rows = []
    sim.run(made, 7, write=rows.append)
    return [r for r in rows if r.group in groups or (r.kind == "send" and r.project == "p")]


@pytest.mark.parametrize("where", ["before", "after"])
def test_another_group_changes_no_arrival_and_no_other_subscriber(where):
    more = {"guests": {"count": 2, "drain": {"exponential": "50ms"}}}
    old = LIVELY["subscribers"]
    groups = more | old if where == "before" else old | more
    without = rows_of(lively(), {"office", "train"})
    with_them = rows_of(lively(subscribers=groups), {"office", "train"})

    def told(rows):
        # A receipt says to how many it was offered: that is what may change.
        return [
            (r.t_ns, r.kind, r.seq, r.digest, r.subscriber, r.connection, r.cause)
            for r in rows
            if r.kind != "end"
        ]

    def until_the_end_of_the_workload(rows):
        return sorted(t for t in told(rows) if t[0] < 40_000_000_000)

    assert until_the_end_of_the_workload(with_them) == until_the_end_of_the_workload(without)


def test_one_more_member_changes_no_other():
    old = LIVELY["subscribers"]
    more = old | {"office": old["office"] | {"count": 5}}

    def members(rows):
        return [(r.t_ns, r.kind, r.seq) for r in rows if r.subscriber in ("office/0", "train/1")]

    end_ns = 40_000_000_000
    before = [m for m in members(rows_of(lively(), {"office", "train"})) if m[0] < end_ns]
    after = [
        m for m in members(rows_of(lively(subscribers=more), {"office", "train"})) if m[0] < end_ns
    ]
    assert after == before


def test_two_policies_face_the_same_arrivals_and_drains():
    oldest = rows_of(lively(), {"office"})
    newest = rows_of(lively(options={"onFull": "drop-newest"}), {"office"})

    def sends(rows):
        return [(r.t_ns, r.seq, r.digest) for r in rows if r.kind == "send"]

    assert sends(oldest) == sends(newest)
    assert [r.cause for r in oldest if r.kind == "drop"] != [
        r.cause for r in newest if r.kind == "drop"
    ]


def test_without_a_history_the_same_happens(tmp_path):
    """No rows are made, but nothing else changes: what the engine counted is the same."""
    from simrt.targets.sim.run import Simulation

    quiet, loud = Simulation(lively(), 7, None), Simulation(lively(), 7, lambda _row: None)
    quiet.run(None)
    loud.run(None)

    def fates(run):
        return [
            (link.client.name, link.number, stream.subscription.fates)
            for link, stream in run.server.streams.items()
        ]

    assert fates(quiet) == fates(loud)
    assert quiet.world.now_ns == loud.world.now_ns


def test_the_header_is_part_of_the_bytes(tmp_path):
    made = scenario(lively().normalised())
    for name in ("a", "b"):
        with HistoryWriter(tmp_path / name, sim.header(made, 7)):
            pass
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# --- other workers, and the seed in the output ---------------------------------------------------


def told_by_check(folder, workers, monkeypatch):
    """What a check says and stores, with so many processes; nothing of the machine's clock."""
    import simrt
    from simrt import workers as room

    monkeypatch.setattr(room, "cpu_count", lambda: workers)
    made = scenario(lively().normalised() | {"expect": ["missed_fraction(office) < 0"]})
    done = simrt.check(made, on=["sim"], seed=7, runs=3, reports=folder / str(workers))
    stored = sorted((done.folder / "runs").iterdir())
    return (
        [(path.name, path.read_bytes()) for path in stored],
        [(item.number, item.status, item.sentence, item.verdicts) for item in done.items],
        done.estimates,
        (done.status, done.sentence, done.seeds),
        (done.folder / "metrics.csv").read_bytes(),
    )


def test_another_number_of_workers_gives_the_same_histories_verdicts_and_figures(
    tmp_path, monkeypatch
):
    alone = told_by_check(tmp_path, 1, monkeypatch)
    for workers in (2, 3):
        assert told_by_check(tmp_path, workers, monkeypatch) == alone


def test_a_worker_of_pytest_makes_the_same_bytes(tmp_path):
    (tmp_path / "test_digests.py").write_text(
        "from pathlib import Path\n"
        "import pytest\n"
        "from tests.targets.test_determinism import digest, lively\n"
        "@pytest.mark.parametrize('name', 'abcd')\n"
        "def test_it(name, worker_id):\n"
        "    assert worker_id != 'master'\n"
        f"    Path({str(tmp_path)!r}, name).write_text(digest(lively()))\n"
    )
    code = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    root = Path(__file__).parents[2]
    subprocess.run(
        [*code, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        check=True,
    )
    assert {(tmp_path / name).read_text() for name in "abcd"} == {digest(lively())}


def test_a_stored_history_is_enough_to_repeat_its_run(tmp_path):
    """The header holds the scenario and the seed: nothing else decides a simulated run."""
    record(lively(), "sim", 11, history=tmp_path / "first.jsonl")
    header = read_history(tmp_path / "first.jsonl").header
    record(scenario(header.scenario), "sim", header.seed, history=tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "first.jsonl").read_bytes()


def test_the_command_that_a_check_prints_last_repeats_it(tmp_path, monkeypatch):
    """The last line of a run that fails is typed again: the same words, seeds and histories."""
    from typer.testing import CliRunner

    from simrt.cli import app
    from simrt.report.source import scenario_yaml

    monkeypatch.chdir(tmp_path)
    made = scenario(lively().normalised() | {"expect": ["missed_fraction(office) < 0"]})
    Path("lively.yml").write_text(scenario_yaml(made), "utf-8")

    def typed(words):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1, done.output
        last = done.stdout.strip().splitlines()[-1]
        found = sorted(
            Path("reports/lively").glob("*/runs/*"), key=lambda path: path.stat().st_mtime_ns
        )
        return last[last.index("simrt ") :], {path.name: path.read_bytes() for path in found[-3:]}

    line, first = typed(["check", "lively.yml", "--on", "sim", "--seed", "9", "--runs", "3"])
    assert "--seed 9" in line
    again, second = typed(line.split()[1:])
    assert again == line
    assert second == first
