"""The verification checklist: six items, each the worst of the verdicts that feed it.

Here are also the judges that need no history: settings against the intent (3), and the site's own
validation (6).
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import DEFAULT_BUFFER_SIZE
from pathlib import Path
from threading import Thread
from typing import IO

from simrt.checkers.verdict import Status, Verdict, worst
from simrt.metrics import Metrics
from simrt.results import ITEMS, Item, acted, finding, place
from simrt.scenario.model import Scenario

SITE_TIME_LIMIT_S = 600
SITE_OUTPUT_BYTES = 1024 * 1024
"""So much of the end of what a site's validation says is kept."""

_OUTPUT_LINES = 8
_LINE_CHARACTERS = 400
# How long what a command said may still be under way once it, and all that it started, has ended.
_LAST_WORDS_S = 2


def items(verdicts: Sequence[Verdict], targets: Sequence[str]) -> tuple[Item, ...]:
    """Sort verdicts into the six items.

    Arguments:
        verdicts: all of a check, every target and seed.
        targets: the targets that ran, to say what was left out.
    """
    return tuple(
        _item(number, tuple(v for v in verdicts if v.item == number), targets) for number in ITEMS
    )


def _item(number: int, verdicts: tuple[Verdict, ...], targets: Sequence[str]) -> Item:
    status = worst(verdict.status for verdict in verdicts)
    own = [verdict for verdict in verdicts if verdict.check == _OWN[number]]
    if status is Status.PASS and own and not any(verdict.judged for verdict in own):
        # What else feeds the item can spoil it, but does not answer its question.
        status = Status.NOT_APPLICABLE
    if status is Status.NOT_APPLICABLE:
        told = own or verdicts
        sentence = told[0].sentence if told else "Nothing was there to judge it by."
        if number == 1 and "server" not in targets:
            sentence = "Only a real server can be asked for its permissions; it was left out."
        return Item(number, status, sentence, verdicts)
    if status is Status.PASS:
        counted = [v for v in verdicts if v.status is status and v.judged]
        first = max(counted, key=lambda verdict: _weight(verdict, number))
        return Item(number, status, _told(first, counted), verdicts)
    first, *more = Item(number, status, "", verdicts).deciding
    also = f" And {len(more)} more." if more else ""
    return Item(number, status, f"{finding(first)}{also}", verdicts)


def _told(first: Verdict, counted: Sequence[Verdict]) -> str:
    """One verdict's sentence, whose run that was, and what was counted over which runs."""
    judged = sum(verdict.judged for verdict in counted)
    runs: dict[str, set[tuple[int, bool]]] = {}
    for verdict in counted:
        if verdict.seed is not None:
            runs.setdefault(verdict.target, set()).add((verdict.seed, verdict.probe))
    if not runs:
        return f"{first.sentence} ({judged:,} things judged)"
    total = sum(map(len, runs.values()))
    if total == 1:
        return f"{first.sentence} ({judged:,} things judged in 1 run on {next(iter(runs))})"
    each = [f"{len(seeds)} on {target}" for target, seeds in runs.items()]
    each[0] = each[0].replace(" on ", " run on " if each[0].startswith("1 ") else " runs on ")
    beside = ", and in the file" if any(not verdict.target for verdict in counted) else ""
    where, sentence = place(first.target, first.seed), first.sentence
    if first.probe and where:  # that sentence says itself that it is about a probe run
        where, sentence = f"{where[:-2]}, ", sentence[:1].lower() + sentence[1:]
    return f"{where}{sentence} (In all {judged:,} things judged: in {', '.join(each)}{beside}.)"


# Whose question each item asks; where these saw nothing, the item is not answered.
_OWN = {1: "permission", 2: "shape", 3: "settings", 4: "reconnect", 5: "restart", 6: "site"}

# Which checker's sentence says most about an item that passed.
_TELLING = _OWN | {3: "loss"}


def _weight(verdict: Verdict, number: int) -> tuple[bool, int]:
    return verdict.check == _TELLING[number], verdict.judged


def judge_settings(
    scenario: Scenario, states: Mapping[str, Mapping[str, int]] | None = None
) -> Verdict:
    """Are the five settings decided, and do they promise no more than the channel keeps?

    Undecided settings fail (OPT-3). What is merely clipped (REP-6) or risky (REP-7) is said.
    How often each setting acted is said.

    Arguments:
        scenario: what was run.
        states: per target, how often each state was reached, over all its runs.
    """
    feature = scenario.feature
    options, replay = feature.options, feature.stream.replay
    warnings = []
    if replay.last_n is not None and replay.last_n > options.buffer_size:
        warnings.append(
            f"lastN {replay.last_n} promises more than bufferSize {options.buffer_size} keeps"
        )
    ttl, age = options.message_ttl_ns, replay.max_age_ns
    if ttl is not None and age is not None and age > ttl:
        warnings.append("maxAge promises more than messageTTL keeps")
    most = min(replay.last_n or options.buffer_size, options.buffer_size)
    replays = replay.last_n != 0 and (replay.last_n is not None or age is not None)
    if options.on_full == "drop-newest" and replays and most == options.buffer_size:
        warnings.append("a full replay refuses new events until it is taken")
    if feature.undecided:
        sentence = f"Left to default: {', '.join(feature.undecided)}. Decide each, or write none."
        status = Status.FAIL
    elif warnings:
        sentence = f"All five settings are written down; but {'; '.join(warnings)}."
        status = Status.PASS
    else:
        sentence, status = "All five settings are written down and consistent.", Status.PASS
    if status is Status.PASS:
        for target, reached in (states or {}).items():
            did = "; ".join(f"{name}: {said}" for name, said in acted(reached).items())
            sentence += f" How often each acted on {target}: {did}."
    return Verdict("settings", status, 5, sentence, ("OPT-3", "REP-6", "REP-7"), 3, tuple(warnings))


class _LastWords(Thread):
    """Reads what a command says to the end, and keeps the end of it.

    Arguments:
        pipe: where the command writes.
        most: so many bytes are kept.
    """

    def __init__(self, pipe: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._most = most
        self._kept = bytearray()
        self._left_out = 0
        self.start()

    def run(self) -> None:
        """Read until nobody can write any more."""
        with self._pipe as pipe:
            while chunk := os.read(pipe.fileno(), DEFAULT_BUFFER_SIZE):
                self._kept += chunk
                over = max(0, len(self._kept) - self._most)
                del self._kept[:over]
                self._left_out += over

    def said(self) -> bytes:
        """What was kept, once the command has ended; says first how much is left out.

        A process that the command started and that left its group can still hold the pipe: it is
        not waited for.
        """
        self.join(_LAST_WORDS_S)
        note = f"({self._left_out:,} bytes before this are left out)\n" if self._left_out else ""
        return note.encode() + bytes(self._kept)


def judge_site(
    scenario: Scenario, output: Path | None = None, time_limit_s: float = SITE_TIME_LIMIT_S
) -> Verdict:
    """Run the site's own validation command in its directory; item 6.

    Arguments:
        scenario: names the command and the directory, relative to its own file.
        output: the file that keeps the end of what the command said, `SITE_OUTPUT_BYTES` of it, or
            None.
        time_limit_s: real seconds after which the command is ended, with all that it started.
    """
    site = scenario.site
    if site is None:
        reason = "The scenario names no site and no validation command."
        return Verdict("site", Status.NOT_APPLICABLE, 0, reason, (), 6)
    command = site.validate_command
    folder = Path(scenario.directory) / site.directory
    if not folder.is_dir():
        return _site(Status.INCONCLUSIVE, 0, f"The site's directory {site.directory} is missing.")
    try:
        process = subprocess.Popen(
            shlex.split(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return _site(Status.INCONCLUSIVE, 0, f"`{command}` could not be started: {error}.")
    assert process.stdout is not None
    words = _LastWords(process.stdout, SITE_OUTPUT_BYTES)
    late = False
    try:
        process.wait(time_limit_s)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        # A command that starts others must not leave them behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        said = words.said()
        if output is not None:
            output.write_bytes(said)
    lines = tuple(
        line[:_LINE_CHARACTERS]
        for line in said.decode("utf-8", "replace").splitlines()[-_OUTPUT_LINES:]
    )
    if late:
        sentence = f"`{command}` did not end within {time_limit_s:g} s."
        return _site(Status.FAIL, 1, sentence, lines)
    if process.returncode < 0:
        sentence = f"`{command}` was ended by {signal.Signals(-process.returncode).name}."
        return _site(Status.FAIL, 1, sentence, lines)
    if process.returncode:
        return _site(Status.FAIL, 1, f"`{command}` ended with {process.returncode}.", lines)
    return _site(Status.PASS, 1, f"`{command}` ended with 0.", lines)


def _site(status: Status, judged: int, sentence: str, evidence: tuple[str, ...] = ()) -> Verdict:
    return Verdict("site", status, judged, sentence, (), 6, evidence)


def judge_stale(scenario: Scenario, measured: Metrics) -> Verdict:
    """Did a replay bring back what no longer helps (`useful_for`)? Item 3."""

    def say(status: Status, judged: int, sentence: str) -> Verdict:
        rules = ("REP-2", "TTL-2")
        return Verdict("stale", status, judged, sentence, rules, 3)

    if scenario.intent.useful_for_ns is None:
        reason = "The intent sets no age (useful_for) from which an event misleads."
        return say(Status.NOT_APPLICABLE, 0, reason)
    replayed = int(measured.value("replayed") or 0)
    resurfaced = int(measured.value("resurfaced") or 0)
    if not replayed:
        return say(Status.NOT_APPLICABLE, 0, "No replay brought anything that could be stale.")
    status = Status.FAIL if resurfaced else Status.PASS
    sentence = f"{resurfaced:,} of {replayed:,} replayed events were older than they are useful."
    return say(status, replayed, sentence)
