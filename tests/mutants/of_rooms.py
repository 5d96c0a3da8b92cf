"""Judge mutants of a room beside the engine.

    python -m tests.mutants.of_rooms client           those that count; writes docs/mutants.md
    python -m tests.mutants.of_rooms client --learn   others, to learn from; writes nothing

Those that count are 200 of one seed, and for checkers each condition under which one speaks,
blinded. Fails below 93 %, and where a survivor has no reason in `survivors_of_rooms.toml`. Stopped,
it goes on where it was. `--learn` leaves tests out that take more than a second, so that it is
quick, and asks for quick tests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.docs.generated import replaced
from tests.mutants.judging import PLACE, Judged, judge
from tests.mutants.mutator import Mutation
from tests.mutants.reasons import Change, Reason, entry_of, read_reasons
from tests.mutants.rooms import COUNT, LEARN, ROOMS, Room, sample
from tests.mutants.source import ROOT

DOCUMENT = ROOT / "docs" / "mutants.md"
REASONS = Path(__file__).with_name("survivors_of_rooms.toml")
LEAST = 0.93
KINDS = {"mutants": "drawn", "blinded": "conditions of checkers, blinded"}


def change_of(mutation: Mutation) -> Change:
    """What a mutation changes, as reasons name it."""
    file = mutation.file.removeprefix("simrt/")
    return Change(file, mutation.function or "-", mutation.old, mutation.new)


def part_of(
    room: Room,
    found: Sequence[tuple[str, str, Sequence[tuple[Mutation, Judged]]]],
    reasons: Iterable[Reason],
) -> str:
    """What the document says of a room.

    Arguments:
        room: which.
        found: kind, seed, and each mutant with its verdict.
        reasons: why survivors change nothing.
    """
    why = {reason.change: reason.why for reason in reasons}
    text = "| mutants | seed | judged | killed | survived |\n|---|---|---:|---:|---:|\n"
    for kind, seed, judged in found:
        killed = sum(one.killed for _, one in judged)
        share = f"{int(1000 * killed / len(judged)) / 10} %"
        left = len(judged) - killed
        text += f"| {KINDS[kind]} | {seed} | {len(judged)} | {killed}: {share} | {left} |\n"
    text += (
        f"\nTrue for the source `{room.digest()}` and the tests `{room.digest_of_tests()}`:"
        f" {', '.join(f'`{place}`' for place in room.tests)}.\n"
    )
    for change in sorted(
        {change_of(mutant) for _, _, judged in found for mutant, one in judged if not one.killed},
        key=lambda one: (one.file, one.function, one.new),
    ):
        signed = "".join(
            f"{sign}{line}\n"
            for sign, lines in (("-", change.old), ("+", change.new))
            for line in lines.splitlines()
        )
        text += f"\n`{change.file}`, `{change.function}`\n\n```text\n{signed}```\n\n{why[change]}\n"
    return text


def main(words: Sequence[str]) -> None:
    """Judge, say, and write what counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--seed")
    parser.add_argument("--count", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    said = parser.parse_args(words)
    room = ROOMS[said.room]
    seed, count = LEARN if said.learn else (room.seed, COUNT)
    kinds = [said.kind] if said.kind else ["mutants", *(["blinded"] if room.checkers else [])]
    found = []
    for kind in kinds:
        drawn = (said.seed or seed, said.count or count) if kind == "mutants" else ("all", 1 << 30)
        mutants = sample(room, kind, *drawn)
        kept = PLACE / room.name / f"{'learnt' if said.learn else 'judged'}.jsonl"
        verdicts = judge(room, mutants, kept, said.jobs, print, quick=said.learn)
        found.append((kind, drawn[0], list(zip(mutants, verdicts, strict=True))))
    reasons = read_reasons(REASONS)
    known = {reason.change for reason in reasons}
    survivors = [mutant for _, _, judged in found for mutant, one in judged if not one.killed]
    missing = [mutant for mutant in survivors if change_of(mutant) not in known]
    for mutant in missing:
        print(f"\n# {mutant.file}:{mutant.first}, {mutant.kind}\n{entry_of(change_of(mutant))}")
    below = False
    for kind, _, judged in found:
        killed, cpu_s = sum(one.killed for _, one in judged), sum(one.cpu_s for _, one in judged)
        below |= kind == "mutants" and killed < LEAST * len(judged)
        print(f"{room.name}, {KINDS[kind]}: {killed} of {len(judged)} killed, {cpu_s:,.0f} CPU s")
    if said.learn:
        return
    if missing or below:
        raise SystemExit(
            f"{len(missing)} survivors have no reason in tests/mutants/{REASONS.name}, which stands"
            f" above, ready to be filled in; at least {LEAST:.0%} must be killed"
        )
    part = part_of(room, found, reasons)
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(replaced(text, f"room-{room.name}", part), "utf-8")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        raise SystemExit("\nstopped; what was judged is kept: run it again to go on") from None
