"""How a checker is built: a watch sees each row once, beside the ledger, and then concludes.

One pass serves any number of checkers. A checker that crashes says `inconclusive` and why; it
never takes another one with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simrt.checkers.ledger import SERVER_KINDS, TWO_SIDED_KINDS, Ledger, Subscription, side
from simrt.checkers.verdict import Status, Verdict
from simrt.history import KINDS, History, Row
from simrt.text import exact_s

Handler = Callable[[Row, Subscription | None], None]

MAX_EVIDENCE = 8


def place(row: Row) -> str:
    """When, who and which event a row is about, for evidence."""
    parts = [f"{exact_s(row.t_ns)}: {row.kind}"]
    if row.subscriber:
        parts.append(f"{row.subscriber} connection {row.connection}")
    elif row.project:
        parts.append(row.project)
    if row.seq:
        parts.append(f"event {row.seq}")
    return ", ".join(parts)


def _if_server(handler: Handler) -> Handler:
    def guarded(row: Row, subscription: Subscription | None) -> None:
        if side(row) == "server":
            handler(row, subscription)

    return guarded


class Watch:
    """What one checker remembers while the rows go by.

    A subclass has one method `on_KIND(row, subscription)` for each kind of row that it looks at
    (`gave-up` is `on_gave_up`), called before the ledger follows the row, and `conclude()`. Where
    it has a method `on_server_side`, that comes first for each row of a subscription or a send
    that the server's side wrote.

    Arguments:
        ledger: channels and connections after the rows before this one.

    Attributes:
        judged: how many things were judged so far.
        failures: how many of them broke the promise.
        evidence: the first few of these, a line each.
        doubts: why something could not be judged, a line each.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.scenario = ledger.scenario
        self.judged = 0
        self.failures = 0
        self.evidence: list[str] = []
        self.doubts: list[str] = []

    def fail(self, row: Row | None, what: str) -> None:
        """Note one broken promise: the row (None: no single row) and what the rule asks."""
        self.failures += 1
        if len(self.evidence) < MAX_EVIDENCE:
            self.evidence.append(f"{place(row)}: {what}" if row is not None else what)

    def doubt(self, what: str) -> None:
        """Note something that could not be judged."""
        if len(self.doubts) < MAX_EVIDENCE:
            self.doubts.append(what)

    def conclude(self) -> tuple[Status, str]:
        """The status and its sentence, after the last row."""
        raise NotImplementedError

    def handlers(self) -> list[tuple[str, Handler]]:
        """Kinds of rows and the methods that see them, in the order in which they are called."""
        found: list[tuple[str, Handler]] = []
        every: Handler | None = getattr(self, "on_server_side", None)
        for kind in KINDS:
            if every is not None and kind in SERVER_KINDS:
                found.append((kind, every))
            elif every is not None and kind in TWO_SIDED_KINDS:
                found.append((kind, _if_server(every)))
            method: Handler | None = getattr(self, f"on_{kind.replace('-', '_')}", None)
            if method is not None:
                found.append((kind, method))
        return found


@dataclass(frozen=True, slots=True)
class Checker:
    """One promise and how it is judged.

    Attributes:
        name: one word, such as `loss`.
        promise: what is promised, in a sentence.
        rules: ids of the rules that it enforces.
        item: the item of the verification checklist that it feeds, 1 to 6.
        watch: makes what remembers and concludes.
    """

    name: str
    promise: str
    rules: tuple[str, ...]
    item: int
    watch: Callable[[Ledger], Watch]

    def check(self, history: History) -> Verdict:
        """Judge one history by this promise alone."""
        (verdict,) = judge_by((self,), history)
        return verdict

    def _verdict(self, watch: Watch) -> Verdict:
        status, sentence = watch.conclude()
        if status is Status.PASS and watch.judged == 0:
            raise AssertionError(f"{self.name} passed without having judged anything")
        lines = (watch.evidence + watch.doubts)[:MAX_EVIDENCE]
        return Verdict(
            self.name, status, watch.judged, sentence, self.rules, self.item, tuple(lines)
        )

    def _crashed(self, error: Exception) -> Verdict:
        return Verdict(
            self.name,
            Status.INCONCLUSIVE,
            0,
            "This check broke down and says nothing about the history.",
            self.rules,
            self.item,
            (f"{type(error).__name__}: {error}",),
        )


def judge_by(checkers: Sequence[Checker], history: History) -> tuple[Verdict, ...]:
    """Judge one history by some checkers in one pass.

    Arguments:
        checkers: which.
        history: a stored or a fresh one.

    Returns:
        One verdict a checker, in their order, with the history's target and seed.

    Raises:
        HistoryError: where the stored rows cannot be read.
    """
    ledger = Ledger(history.header, history.scenario)
    crashes: dict[str, Exception] = {}
    watches: dict[str, Watch] = {}
    for checker in checkers:
        try:
            watches[checker.name] = checker.watch(ledger)
        except Exception as error:  # noqa: BLE001 - a checker's crash is a verdict
            crashes[checker.name] = error
    table: dict[str, list[tuple[str, Handler]]] = {kind: [] for kind in KINDS}
    for name, watch in watches.items():
        for kind, handler in watch.handlers():
            table[kind].append((name, handler))
    for row in history:
        subscription = ledger.subscription_of(row)
        for name, handler in table.get(row.kind, ()):
            try:
                handler(row, subscription)
            except Exception as error:  # noqa: BLE001 - a checker's crash is a verdict
                crashes[name] = error
                table = _without(table, name)
        try:
            ledger.follow(row, subscription)
        except Exception as error:  # noqa: BLE001 - then no checker can go on
            crashes.update({name: error for name in watches if name not in crashes})
            break
    return tuple(_conclude(checker, watches, crashes, history) for checker in checkers)


def follow_all(history: History, ledger: Ledger, watch: Watch) -> None:
    """Show a whole history to one watch, without judging it."""
    handlers = watch.handlers()
    for row in history:
        subscription = ledger.subscription_of(row)
        for kind, handler in handlers:
            if kind == row.kind:
                handler(row, subscription)
        ledger.follow(row, subscription)


def _without(
    table: dict[str, list[tuple[str, Handler]]], name: str
) -> dict[str, list[tuple[str, Handler]]]:
    return {kind: [entry for entry in row if entry[0] != name] for kind, row in table.items()}


def _conclude(
    checker: Checker, watches: dict[str, Watch], crashes: dict[str, Exception], history: History
) -> Verdict:
    error = crashes.get(checker.name)
    if error is None:
        try:
            verdict = checker._verdict(watches[checker.name])  # noqa: SLF001 - same file
        except Exception as crash:  # noqa: BLE001 - a checker's crash is a verdict
            error = crash
    if error is not None:
        verdict = checker._crashed(error)  # noqa: SLF001
    return verdict.at(history.header.target, history.header.seed)
