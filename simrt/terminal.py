"""What a verb says on the terminal, and to programs that read it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from simrt.text import share as percent

if TYPE_CHECKING:
    from rich.console import Console

    from simrt.checks import Progress


# Seconds before the first line of progress, and the most between two.
_FIRST_LINE_S = 20.0
_MOST_BETWEEN_S = 60.0


def say(line: str) -> None:
    """Print a line; its markup becomes colour on a terminal, and nothing elsewhere."""
    _console().print(line, soft_wrap=True, highlight=False)


def _console() -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            # rich would leave with 1, which means that something failed.
            raise BrokenPipeError

    return Piped(file=sys.stdout)


def say_line(line: str) -> None:
    """A line for a person or a program, at once; nothing in it is markup."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def on_a_desktop() -> bool:
    """Whether a page can be opened for who sits here."""
    return sys.stdout.isatty() and any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def show_page(page: str) -> None:
    """Open an address in the reader's browser, or say that there is none."""
    import webbrowser

    if not webbrowser.open(page):
        complain("no browser could be opened; open the page's address yourself")


def complain(text: str) -> None:
    """Say what is wrong, apart from the output."""
    sys.stderr.write(f"simrt: {text}\n")


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar with the time left, on a terminal; elsewhere a line now and then, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines(label)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(label, total=1.0)
        yield lambda what, share: bars.update(bar, completed=share, description=f"{label}: {what}")


def _lines(label: str) -> Progress:
    """Lines that come more and more seldom: what takes seconds says nothing."""
    from simrt.clock import stopwatch  # it brings asyncio, which a page of help does not need

    since = stopwatch()
    due_s = _FIRST_LINE_S

    def tell(what: str, share: float) -> None:
        nonlocal due_s
        now_s = since()
        if now_s >= due_s:
            due_s = now_s + min(_MOST_BETWEEN_S, max(_FIRST_LINE_S, now_s / 2))
            complain(f"{label}: {what}, {percent(share)}")

    return tell


def say_all(lines: Sequence[str]) -> None:
    """Print lines as `say` does."""
    for line in lines:
        say(line)


def say_plain(lines: Sequence[str]) -> None:
    """Lines for a program that reads them: nothing in them is markup."""
    sys.stdout.writelines(f"{line}\n" for line in lines)
