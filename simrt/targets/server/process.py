"""One life of the server: an operating system process, told what to do over its stdin."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simrt.errors import TargetError

COMMAND = (sys.executable, "-m", "simrt.server")
PATIENCE_S = 60.0
"""How long a process may take to start, or to answer: it shares two cores with much else."""
# How long an orderly exit may take before it is a kill.
_EXIT_S = 3.0
_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Listening:
    """What a server says when it listens.

    Attributes:
        port: where.
        epoch: the name of the hub's life.
        t_ns: scenario time directly before it listened, or None.
    """

    port: int
    epoch: str
    t_ns: int | None


class ServerProcess(asyncio.Protocol):
    """A server process, and the lines it says.

    Arguments:
        record: the file that it writes its rows to; its stderr goes beside it.
        config: the first line of its stdin; `record` and `hold` are filled in.
        command: what to start.

    Attributes:
        died: done when the process has ended, wanted or not.
        ended_by_us: whether it was killed or told to end.
    """

    def __init__(
        self, record: Path, config: dict[str, Any], command: tuple[str, ...] = COMMAND
    ) -> None:
        self.record = record
        self.stderr = record.with_suffix(".stderr")
        self.ended_by_us = False
        self.died: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._command = command
        self._config = {**config, "record": str(record), "hold": True}
        self._popen: subprocess.Popen[bytes] | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: asyncio.BaseTransport | None = None
        self._text = bytearray()
        self._asked: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._held: asyncio.Future[dict[str, Any]] | None = None

    @property
    def pid(self) -> int:
        """The process's number; 0 before it was started."""
        return self._popen.pid if self._popen else 0

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and not self.died.done()

    # --- its life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start it; it prepares itself while others go on."""
        self._spawn()
        assert self._popen is not None
        loop = asyncio.get_running_loop()
        self._stdout, _ = await loop.connect_read_pipe(lambda: self, self._popen.stdout)
        self._stdin, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self._popen.stdin)
        self._held = self._ask(json.dumps(self._config))

    def _spawn(self) -> None:
        with self.stderr.open("wb") as stderr:
            # A session of its own: Ctrl-C at a terminal is for the harness, who ends its children.
            self._popen = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Wait until it has prepared everything and only needs to listen.

        Raises:
            TargetError: where it died instead, with what it said.
        """
        assert self._held is not None
        await self._patiently(asyncio.shield(self._held))

    async def listen(self, zero_ns: int | None = None) -> Listening:
        """Let it listen, now.

        Arguments:
            zero_ns: the machine's monotonic clock at scenario time 0, if not in the config.

        Raises:
            TargetError: where it died instead, with what it said.
        """
        await self.ready()
        answer = await self.ask("listen" if zero_ns is None else f"listen {zero_ns}")
        return Listening(answer["port"], answer["epoch"], answer.get("t_ns"))

    async def ask(self, word: str) -> dict[str, Any]:
        """Say a line and wait for the answer.

        Raises:
            TargetError: where it died instead, with what it said.
        """
        return await self._patiently(self._ask(word))

    def kill(self) -> None:
        """End it as by kill -9."""
        self.ended_by_us = True
        if self._popen is not None and self._popen.poll() is None:
            self._popen.kill()

    async def stop(self) -> None:
        """End it in good order, or else by force, and wait until it is gone."""
        self.ended_by_us = True
        if self._popen is None:
            return
        if self._stdin is not None:
            self._stdin.close()
        if self.alive:
            await asyncio.wait([self.died], timeout=_EXIT_S)
        self.bury()
        if self._stdout is not None:
            await self.died
            self._stdout.close()

    def bury(self) -> None:
        """Make sure that no process is left; blocks until then."""
        self.kill()
        if self._popen is not None:
            self._popen.wait()

    # --- what it says -------------------------------------------------------------------------

    def _ask(self, line: str) -> asyncio.Future[dict[str, Any]]:
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        if not self.alive or self._stdin is None:
            answer.set_exception(self.failure())
            return answer
        self._asked.append(answer)
        self._stdin.write(line.encode() + b"\n")
        return answer

    async def _patiently(self, answer: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
        try:
            return await asyncio.wait_for(answer, PATIENCE_S)
        except TimeoutError:
            raise TargetError(
                f"the server process gave no answer within {PATIENCE_S:g} s"
            ) from None

    def data_received(self, data: bytes) -> None:
        """Answers come in the order of the questions."""
        self._text += data
        while b"\n" in self._text:
            line, _, rest = self._text.partition(b"\n")
            self._text = rest
            if not self._asked:
                continue
            answer = self._asked.popleft()
            if answer.done():
                continue
            try:
                answer.set_result(json.loads(line))
            except ValueError:
                answer.set_exception(
                    TargetError(f"the server process said what is no JSON: {bytes(line)!r}")
                )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - an end is an end
        """Its stdout is closed: it has ended, or is about to."""
        if not self.died.done():
            self.died.set_result(None)
        if self._stdin is not None:
            self._stdin.close()
        while self._asked:
            answer = self._asked.popleft()
            if not answer.done():
                answer.set_exception(self.failure())
                answer.exception()  # seen: nobody may be waiting any more

    def failure(self) -> TargetError:
        """Why it is not there, in its own last words."""
        try:
            words = self.stderr.read_text(errors="replace").strip().splitlines()
        except OSError:
            words = []
        status = None
        if self._popen is not None:
            try:
                status = self._popen.wait(_EXIT_S)
            except subprocess.TimeoutExpired:
                status = None
        said = "\n  ".join(words[-_SHOWN_LINES:]) or "it said nothing"
        return TargetError(f"the server process ended (status {status}):\n  {said}")
