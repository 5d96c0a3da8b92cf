"""One life of the server in lockstep: a process that takes steps, each until it is over."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from simrt.errors import TargetError
from simrt.history import Row
from simrt.server.stepped import Answer, Step
from simrt.targets.server.process import COMMAND

# How long a process may take to start, or to make a step, in real seconds.
_PATIENCE_S = 60.0
# How long one that has closed its stdout may take to be gone.
_EXIT_S = 3.0
_SHOWN_LINES = 20

_encoder = msgspec.json.Encoder()
_answer = msgspec.json.Decoder(Answer)
_row = msgspec.json.Decoder(Row)


class SteppedProcess:
    """A server process.

    Arguments:
        folder: where it writes its rows and what it complains of.
        number: which life it is.
        orders: the first line of its stdin.
    """

    def __init__(self, folder: Path, number: int, orders: dict[str, Any]) -> None:
        self.port = 0
        self._ready = False
        self._file: BinaryIO | None = None
        self._record = folder / f"server-{number}.jsonl"
        self._stderr = folder / f"server-{number}.stderr"
        self._text = bytearray()
        self._rest = b""
        with self._stderr.open("wb") as stderr:
            self._popen = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        with contextlib.suppress(TargetError):  # it died: whoever waits for it will hear
            told = {**orders, "record": str(self._record), "hold": True}
            self._write(json.dumps(told).encode())

    def listen(self, now_ns: int) -> tuple[int, int] | None:
        """Let it listen at this instant; returns its first timer.

        Raises:
            TargetError: it died instead.
        """
        self._wait_until_ready()
        self._write(f"listen {now_ns}".encode())
        said = json.loads(self._read())
        self.port = said["port"]
        self._file = self._record.open("rb")
        due = said["next"]
        return None if due is None else (due[0], due[1])

    def rule(self, word: str, project: str, credential: str) -> None:
        """Say `revoke` to a process that does not listen yet."""
        self._wait_until_ready()
        named = json.dumps({"project": project, "credentials": [credential]})
        self._write(f"{word} {named}".encode())
        self._read()

    def _wait_until_ready(self) -> None:
        if not self._ready:
            self._read()
            self._ready = True

    def step(self, step: Step, act: Callable[[], None] | None = None) -> Answer:
        """Make a step.

        Arguments:
            step: what.
            act: what the harness does meanwhile, on the sockets.

        Raises:
            TargetError: the process died, or does not answer.
        """
        self._write(_encoder.encode(step))
        if act is not None:
            act()
        return _answer.decode(self._read())

    def rows(self) -> list[Row]:
        """What it recorded since the last time."""
        assert self._file is not None
        data = self._rest + self._file.read()
        lines = data.split(b"\n")
        self._rest = lines.pop()
        return [_row.decode(line) for line in lines]

    def kill(self) -> None:
        """End it as by kill -9, and wait until it is gone; harmless when repeated."""
        self._popen.kill()
        self._popen.wait()
        for file in (self._popen.stdin, self._popen.stdout, self._file):
            if file is not None:
                with contextlib.suppress(BrokenPipeError):
                    file.close()

    def _write(self, line: bytes) -> None:
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(line + b"\n")
            self._popen.stdin.flush()
        except OSError as error:
            raise self._failure() from error

    def _read(self) -> bytes:
        assert self._popen.stdout is not None
        fd = self._popen.stdout.fileno()
        while b"\n" not in self._text:
            ready, _, _ = select.select([fd], [], [], _PATIENCE_S)
            if not ready:
                raise TargetError(
                    f"the server process did not settle within {_PATIENCE_S:g} s of real time"
                )
            data = os.read(fd, 1 << 16)
            if not data:
                raise self._failure()
            self._text += data
        line, _, rest = self._text.partition(b"\n")
        self._text = rest
        return bytes(line)

    def _failure(self) -> TargetError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_EXIT_S)
        words = self._stderr.read_text(errors="replace").strip().splitlines()
        said = "\n  ".join(words[-_SHOWN_LINES:]) or "it said nothing"
        return TargetError(f"the server process ended (status {self._popen.poll()}):\n  {said}")
