"""Histories that several tests look at, each made once in a session, however many workers it has.

A scenario, a target in virtual time and a seed determine every byte of a history, so a test that
judges or compares what a run wrote can read what another test's run wrote. A test of the run itself
(determinism, chunks, a patched engine) runs it itself.
"""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec

from simrt.history import History, read_history
from simrt.runs import VIRTUAL, record
from simrt.scenario.model import Scenario


@dataclass(frozen=True)
class Histories:
    """Where they are kept.

    Attributes:
        folder: of this session alone, so that no file is older than the code; its workers share it.
    """

    folder: Path

    def of(self, scenario: Scenario, target: str, seed: int = 1) -> History:
        """The history of a run, in memory.

        Arguments:
            scenario: what runs.
            target: `sim` or `app`: a real server never repeats to the byte.
            seed: of the run.

        Raises:
            UsageError: the scenario asks for what the target cannot do.
        """
        assert target in VIRTUAL
        named = msgspec.json.encode([scenario.normalised(), scenario.directory, target, seed])
        path = self.folder / f"{blake2b(named, digest_size=16).hexdigest()}.jsonl"
        self.folder.mkdir(exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second one who asks waits for the first's run
            if not path.exists():
                part = path.with_suffix(".part.jsonl")
                record(scenario, target, seed, history=part)
                part.rename(path)
        return read_history(path).load()
