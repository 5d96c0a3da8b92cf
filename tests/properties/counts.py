"""What became of each event for each subscriber, as each of those who count says it."""

from __future__ import annotations

from simrt.checkers.accounting import outcomes as accounted
from simrt.history import History, Row
from simrt.metrics import measure
from simrt.report.story import tell
from simrt.scenario.metric_names import OUTCOMES
from simrt.watch.ledger import ON_THE_WAY, WAITING, Ledger

Counts = dict[str, dict[str, int]]


def of_accounting(history: History) -> Counts:
    """The checkers' count, for those that ever were members."""
    return {
        name: dict.fromkeys(OUTCOMES, 0) | counts for name, counts in accounted(history).items()
    }


def of_metrics(history: History) -> Counts:
    """The metrics' count."""
    metrics = measure(history)
    return {name: metrics.outcomes(subscriber=name) for name in metrics.subscribers()}


def of_figures(history: History) -> Counts:
    """The count that figures draw and their tables show."""
    return {person.name: person.counts() for person in tell(history).people if person.member}


def of_page(history: History) -> Counts:
    """The count of the page of `simrt serve`, as if it had watched this run to its end."""
    ledger = watched(history)
    found = {}
    for name, member in ledger.members.items():
        counts = dict(member.counts)
        open_ = counts.pop(WAITING) + counts.pop(ON_THE_WAY)
        found[name] = counts | {"unfinished": open_}
    return found


def watched(history: History) -> Ledger:
    """The ledger of the page, after the rows that the server and the clients of a run wrote.

    The page's clients tell what they received and when they left; that is all of their side.
    """
    scenario = history.scenario
    ledger = Ledger([scenario], tuple(scenario.workload.subscribers))
    held: dict[tuple[str, int], Row] = {}
    for row in history:
        side = (row.detail or {}).get("side")
        member = ledger.members.get(row.subscriber)
        if row.kind == "receive":
            if member is not None:
                member.received(row.epoch, row.seq)
        elif row.kind == "refuse":
            ledger.refused(row.subscriber, row.connection)
        elif row.kind == "close" and side == "client":
            if member is not None:
                member.left(row.connection)
        elif row.kind == "restart":
            # A kill writes no more rows; the server of `simrt serve` shuts down, and does.
            for (name, connection), opened in list(held.items()):
                where = (opened.project, opened.channel, opened.epoch)
                who = {"subscriber": name, "connection": connection}
                ledger.row(Row(row.t_ns, "close", *where, cause="shutdown", **who))
            held.clear()
        elif row.kind == "send" or row.group in scenario.workload.subscribers:
            ledger.follow(row.subscriber)
            if row.kind == "connect":
                held[row.subscriber, row.connection] = row
            elif row.kind == "close":
                held.pop((row.subscriber, row.connection), None)
            ledger.row(row)
    return ledger
