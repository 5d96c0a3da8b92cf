"""Plant every error, or the named ones, and say what caught it.

    python -m tests.planted            all; writes docs/planted-errors.md, result by result
    python -m tests.planted --old      those whose row there is old; writes it too
    python -m tests.planted NAME…      these alone; writes nothing

Fails where one is not caught. Ctrl-C loses nothing: what is done is written by then.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from simrt.errors import EXIT_INTERRUPTED
from tests.planted.document import DOCUMENT, stated, write
from tests.planted.planting import Planted, read_errors
from tests.planted.running import Outcome, Runner

_HEAD = f"{'':9} {'error':36} {'after':>14} {'time':>7}  by"


def chosen(errors: tuple[Planted, ...], words: list[str]) -> tuple[Planted, ...]:
    """The errors that the command line asks for."""
    if words == ["--old"]:
        known = stated(DOCUMENT.read_text("utf-8"))
        return tuple(e for e in errors if known.get(e.name, ("", ""))[1] != e.digest())
    unknown = set(words) - {error.name for error in errors}
    if unknown:
        raise SystemExit(f"no such error: {', '.join(sorted(unknown))}")
    return tuple(error for error in errors if not words or error.name in words)


def told(error: Planted, outcome: Outcome) -> str:
    """One line for the terminal."""
    says = "caught" if outcome.caught else "NOT CAUGHT"
    seen = f" ({outcome.evidence[:100]})" if outcome.evidence else ""
    return f"{says:10} {error.name:35} {outcome.after:>14} {outcome.time_s:6.1f}s  {error.by}{seen}"


def main(words: list[str]) -> None:
    """Run them, two at a time; each result is in the document as soon as it is there."""
    errors = read_errors()
    asked = chosen(errors, words)
    runner = Runner(asked)
    keep = words in ([], ["--old"])
    found = stated(DOCUMENT.read_text("utf-8"))
    missed = []
    done = 0
    print(f"{len(asked)} of {len(errors)} planted errors\n{_HEAD}", flush=True)
    pool = ThreadPoolExecutor(min(2, os.cpu_count() or 1))
    try:
        for done, ended in enumerate(
            as_completed({pool.submit(pair, runner, error): error for error in asked}), 1
        ):
            error, outcome = ended.result()
            print(f"{done:3}/{len(asked)} {told(error, outcome)}", flush=True)
            if outcome.caught:
                found[error.name] = (outcome.after, error.digest())
            else:
                missed.append(error.name)
                found.pop(error.name, None)
            if keep:
                write(errors, found)
    except KeyboardInterrupt:
        print(f"interrupted: {done} of {len(asked)} are done; what is not is left as it was")
        raise SystemExit(EXIT_INTERRUPTED) from None
    finally:
        pool.shutdown(cancel_futures=True)
    if missed:
        raise SystemExit(f"not caught: {', '.join(missed)}")
    print(f"all {len(asked)} caught")


def pair(runner: Runner, error: Planted) -> tuple[Planted, Outcome]:
    """An error with what its check said of it."""
    return error, runner.run(error)


if __name__ == "__main__":
    main(sys.argv[1:])
