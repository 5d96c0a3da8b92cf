"""The server's lives: processes that wait ready, the one that runs, those that were killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from simrt.clock import RealClock
from simrt.errors import TargetError
from simrt.targets.server.merge import Life
from simrt.targets.server.process import COMMAND, ServerProcess

# Processes that wait, ready, for a restart: all that a run needs, within reason. Each costs some
# 60 MB and half a second of a core, which a run that has begun had better not spend.
_MOST_SPARES = 8


Credential = tuple[str, str]
"""Project, and the name by which a server revokes a credential: `user:SUBJECT` or `token:NAME`."""


class Lives:
    """One server process after another.

    Arguments:
        folder: where each writes its rows.
        config: what each is told.
        failed: told when one dies that nobody killed.
        command: what a server process is.

    Attributes:
        lives: what became of each that listened, in order.
        epochs: the names of their hubs.
        running: the process that listens, or None while the server is down.
    """

    def __init__(
        self,
        folder: Path,
        config: dict[str, Any],
        failed: Callable[[BaseException], None],
        command: tuple[str, ...] = COMMAND,
    ) -> None:
        self.lives: list[Life] = []
        self.epochs: list[str] = []
        self.running: ServerProcess | None = None
        self._folder = folder
        self._config = config
        self._failed = failed
        self._command = command
        self._processes: list[ServerProcess] = []
        self._spares: list[ServerProcess] = []
        self._revoked: dict[Credential, None] = {}

    @property
    def current(self) -> int:
        """The number of the life that runs, ran last, or is about to say that it runs; from 0."""
        return max(0, len(self.lives) - 1)

    def number(self, epoch: str) -> int:
        """The how-many-th life bears this name, from 0.

        A client can hear from a new life before we have read that it listens: an unknown name is
        the newest.
        """
        return self.epochs.index(epoch) if epoch in self.epochs else self.current

    def epoch(self, number: int) -> str:
        """The name of a life; empty where it is not known."""
        return self.epochs[number] if number < len(self.epochs) else ""

    async def prepare(self, lives: int) -> None:
        """Start processes for the lives to come: a start takes many scenario seconds.

        Arguments:
            lives: how many the whole run needs.
        """
        while len(self._spares) < _MOST_SPARES and len(self._processes) < lives:
            await self._start_one()

    async def _start_one(self) -> None:
        record = self._folder / f"server-{len(self._processes)}.jsonl"
        process = ServerProcess(record, self._config, self._command)
        self._processes.append(process)
        await process.start()
        self._spares.append(process)

    async def ready(self) -> None:
        """Wait until those that were started need only to listen.

        Raises:
            TargetError: where one died instead.
        """
        for spare in self._spares:
            await spare.ready()

    async def begin(self, clock: RealClock) -> Life:
        """Let the next process listen.

        Raises:
            TargetError: where it died instead.
        """
        if not self._spares:
            await self._start_one()
        process = self._spares.pop(0)
        told = dict(self._revoked)
        await _rule(process, "revoke", told)
        life = Life(process.record)
        self.lives.append(life)
        listening = await process.listen(clock.zero_ns)
        life.epoch = listening.epoch
        life.begin_ns = clock.now() if listening.t_ns is None else listening.t_ns
        self.epochs.append(listening.epoch)
        self.running = process
        process.died.add_done_callback(lambda _: self._died(process))
        # What was said while it began.
        await _rule(process, "revoke", [each for each in self._revoked if each not in told])
        await _rule(process, "restore", [each for each in told if each not in self._revoked])
        return life

    async def revoke(self, credentials: Iterable[Credential]) -> None:
        """Take credentials away, in this life and in those to come, until they are restored."""
        new = [each for each in credentials if each not in self._revoked]
        self._revoked.update(dict.fromkeys(new))
        if self.running is not None:
            await _rule(self.running, "revoke", new)

    async def restore(self, credentials: Iterable[Credential]) -> None:
        """Give credentials back; they are good when this returns."""
        good = [each for each in credentials if each in self._revoked]
        for each in good:
            del self._revoked[each]
        if self.running is not None:
            await _rule(self.running, "restore", good)

    def _died(self, process: ServerProcess) -> None:
        if not process.ended_by_us:
            self._failed(process.failure())

    def kill(self, clock: RealClock) -> None:
        """Kill the process that runs, as by kill -9."""
        if self.running is not None:
            self.running.kill()
            self.running = None
            self.lives[-1].killed_ns = clock.now()

    def kill_all(self) -> None:
        """Kill every process, ready or running."""
        for process in self._processes:
            process.kill()

    async def stopped(self) -> None:
        """Wait until every process is gone."""
        for process in self._processes:
            await process.stop()

    def bury(self) -> None:
        """The last resort: no process is left, whatever happened; blocks until then."""
        for process in self._processes:
            process.bury()


async def _rule(process: ServerProcess, word: str, credentials: Iterable[Credential]) -> None:
    """Say `revoke` or `restore`.

    Raises:
        TargetError: where the server cannot.
    """
    by_project: dict[str, list[str]] = {}
    for project, name in credentials:
        by_project.setdefault(project, []).append(name)
    for project, names in by_project.items():
        try:
            answer = await process.ask(
                f"{word} {json.dumps({'project': project, 'credentials': names})}"
            )
        except TargetError:
            if process.ended_by_us:
                return  # killed meanwhile: the next life is told when it begins
            raise
        if "error" in answer:
            raise TargetError(f"the server cannot {word} credentials: {answer['error']}")
