"""Judge all mutants of the engine by the engine's tests.

    python -m tests.mutants            what is not judged yet; writes docs/mutants.md
    python -m tests.mutants --again    all, from the beginning

Fails below 95 %, and where a survivor has no reason in `survivors.toml`. Stopped, it goes on where
it was. `make mutants` prepares the environment that it needs.
"""

from __future__ import annotations

import sys

from tests.mutants.document import LEAST, rows_of, share_of, write
from tests.mutants.reasons import ReasonError, check, read_reasons
from tests.mutants.results import Mutant, Verdict
from tests.mutants.running import WORKSPACE, alone, changes, prepare, run, terminal
from tests.mutants.source import digest_of_tests, engine_digests, statements_of_tests


def settle(mutants: list[Mutant]) -> None:
    """Write the tables, where every mutant was judged and every survivor has its reason."""
    unjudged = [mutant.name for mutant in mutants if mutant.verdict is Verdict.OPEN]
    if unjudged or not mutants:
        raise SystemExit(f"not judged, run it again: {', '.join(unjudged) or 'none was made'}")
    endless, survivors = (
        changes([mutant for mutant in mutants if mutant.verdict is verdict])
        for verdict in (Verdict.ENDLESS, Verdict.SURVIVED)
    )
    reasons = read_reasons()
    # Of what was judged, whatever has changed since.
    tests = digest_of_tests(statements_of_tests(WORKSPACE / "tests" / "engine"))
    rows = rows_of(mutants, engine_digests(WORKSPACE / "simrt" / "engine"))
    share = share_of(rows)
    print(f"\n{len(mutants):,} mutants, {share:.2%} killed, {len(survivors)} survived")
    try:
        check(survivors, reasons)
    except ReasonError as error:
        raise SystemExit(str(error)) from None
    if share < LEAST:
        raise SystemExit(f"at least {LEAST:.0%} must be killed")
    write(rows, tests, endless, reasons)


def main(words: list[str]) -> None:
    """Prepare, run, write."""
    if words not in ([], ["--again"]):
        raise SystemExit(__doc__)
    with alone():
        prepare(again=bool(words))
        try:
            settle(run(terminal))
        except KeyboardInterrupt:
            raise SystemExit("\nstopped; what was judged is kept: run it again to go on") from None


if __name__ == "__main__":
    main(sys.argv[1:])
