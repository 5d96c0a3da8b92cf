"""What a checker says: a value, never an exception."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from html import escape


class Status(Enum):
    """The state of a verdict. Of the first three the worst wins; the fourth is never counted."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"


_ORDER = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some: fail, then inconclusive, then pass; not-applicable if nothing counts."""
    counted = [status for status in statuses if status is not Status.NOT_APPLICABLE]
    return max(counted, key=_ORDER.index) if counted else Status.NOT_APPLICABLE


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The judgement of one checker on one history.

    Attributes:
        check: the checker's name, such as `loss`; for an expectation its text.
        status: the state.
        judged: how many things were judged; 0 is never a pass.
        sentence: what was found, in one sentence with the number that decides.
        rules: ids of the rules enforced, such as `BUF-2`.
        evidence: the first few findings, a line each: what was seen, where, what the rule asks.
        item: the item of the verification checklist that it feeds, 1 to 6.
        target: the target whose history was judged; filled in by `run`.
        seed: the seed of that history; None where it is about all runs, or about the file.
        probe: whether that was the probe run, and not one of the scenario itself.
    """

    check: str
    status: Status
    judged: int
    sentence: str
    rules: tuple[str, ...]
    item: int
    evidence: tuple[str, ...] = ()
    target: str = ""
    seed: int | None = None
    probe: bool = False

    def at(self, target: str, seed: int) -> Verdict:
        """The same verdict, saying which run it is about."""
        return replace(self, target=target, seed=seed)

    def __repr__(self) -> str:
        where = f" on {self.target}" if self.target else ""
        seed = "" if self.seed is None else f", seed {self.seed}"
        said = f"{self.check}: {self.status.value}{where}{seed}. {self.sentence}"
        return "\n".join([said, *(f"  {each}" for each in self.evidence)])

    def _repr_html_(self) -> str:
        """What a notebook shows: the verdict, and what it was found from."""
        first, *seen = (escape(line.strip()) for line in repr(self).splitlines())
        return f"<p>{first}</p>" + "".join(f"<p><small>{line}</small></p>" for line in seen)
