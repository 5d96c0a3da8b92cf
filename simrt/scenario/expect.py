"""The small language of `expect`: read into values, never evaluated as code.

    expectation  =  term { "and" term }
    term         =  "not" term  |  "(" expectation ")"  |  "reached(" state ")"
                 |  metric "(" [group] ")" OP number
                 |  pNN "(" metric [ "," group ] ")" OP number
                 |  "always(" expectation ")"
                 |  "in" number "% of runs" term

A comparison is about the mean over runs. Inside `always(...)` it is about every run, and after
`in 95 % of runs` about that share of all runs.

Python's own parser is of no use here: group and state names hold hyphens, and may be its keywords.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from simrt.scenario.metric_names import METRICS, known_metric
from simrt.scenario.units import parse_duration, parse_size

Operator = Literal["<", "<=", ">", ">=", "=="]
OPERATORS: tuple[Operator, ...] = ("<", "<=", ">", ">=", "==")

EXPECT_ALLOWED = (
    "metric(group) OP number, pNN(metric, group) OP number or reached(state), joined by and, "
    "negated by not; always(…) for every run, in 95 % of runs … for a share of them; "
    "OP is one of < <= > >= =="
)
EVERYONE = "all"
"""The group that stands for every subscriber; `metric()` means it."""

RUNS = 20
"""With how many runs a line that is not about a share of runs can pass."""

_LONGEST = 500  # characters; also bounds how deep a text can nest
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[A-Za-z%]*)"
    r"|(?P<quantile>p\d+(?:\.\d+)?(?=\s*\())"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_\-]*)"
    r"|(?P<mark><=|>=|==|<(?!>)|>|\(|\)|,)"  # <> is no two marks: its hint says what to write
    r"|(?P<other>\S+))"
)
_PERCENT = re.compile(r"^p([1-9]\d?|99\.9)$")
# What people write who know other languages, and what stands for it here.
_OR = "not (not … and not …), which is an or"
_JOINS = {"&&": "and", "&": "and", "AND": "and", "||": _OR, "|": _OR, "or": _OR, "OR": _OR}
_COMPARES = {
    "=": "==", "=<": "<=", "=>": ">=", "≤": "<=", "≥": ">=",
    "!=": "not before it, and ==", "<>": "not before it, and ==", "≠": "not before it, and ==",
}  # fmt: skip
_BEGINS = {"NOT": "not", "!": "not"}
_TERM = "a metric, pNN, reached, always, in … % of runs, not or ("
_SMALLEST = 0.0001 - 1e-12  # a share of runs that nobody will see is not asked for
_NUMBER = re.compile(r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Comparison:
    """`metric(group) OP number`, or a percentile of the metric.

    Attributes:
        metric: a name of `METRICS`.
        group: a group of the scenario, or `all`.
        op: how they are compared.
        bound: the number, in the metric's unit.
        percent: which percentile, such as `90` or `99.9`; empty for the metric's value.
    """

    metric: str
    group: str
    op: Operator
    bound: float
    percent: str = ""

    @property
    def p(self) -> float | None:
        """The percentile as a share, such as 0.9; None for the metric's value."""
        return float(self.percent) / 100 if self.percent else None

    @property
    def subject(self) -> str:
        """What is compared, without group: `staleness_s` or `p90(staleness_s)`."""
        return f"p{self.percent}({self.metric})" if self.percent else self.metric

    def holds(self, value: float) -> bool:
        """Whether this value satisfies it."""
        match self.op:
            case "<":
                return value < self.bound
            case "<=":
                return value <= self.bound
            case ">":
                return value > self.bound
            case ">=":
                return value >= self.bound
            case "==":
                return value == self.bound

    def __str__(self) -> str:
        what = (
            f"p{self.percent}({self.metric}, {self.group})"
            if self.percent
            else f"{self.metric}({self.group})"
        )
        return f"{what} {self.op} {self.bound!r}"


@dataclass(frozen=True, slots=True)
class Reached:
    """`reached(state)`: the run came into that state at least once."""

    state: str

    def __str__(self) -> str:
        return f"reached({self.state})"


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a term."""

    term: Term

    def __str__(self) -> str:
        return f"not ({self.term})" if isinstance(self.term, And) else f"not {self.term}"


@dataclass(frozen=True, slots=True)
class And:
    """All of two terms or more."""

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return " and ".join(
            f"({term})" if isinstance(term, And) else str(term) for term in self.terms
        )


@dataclass(frozen=True, slots=True)
class Every:
    """`always(…)`: it is so in every run."""

    term: Term

    def __str__(self) -> str:
        return f"always({self.term})"


@dataclass(frozen=True, slots=True)
class Share:
    """`in 95 % of runs …`: it is so in that share of all runs, at least.

    Attributes:
        percent: as it was written, more than 0 and less than 100.
        term: what.
    """

    percent: str
    term: Term

    @property
    def share(self) -> float:
        """The share, such as 0.95."""
        return float(self.percent) / 100

    @property
    def runs_needed(self) -> int:
        """With how many runs, if it is so in all of them, it can pass: 59 for 95 %.

        The smallest n with share^n <= 5 %: were it so in no more than that share of runs, it would
        be so in all n with a probability of at most 5 %.
        """
        return math.ceil(math.log(0.05) / math.log(self.share) - 1e-9)

    def __str__(self) -> str:
        text = f"({self.term})" if isinstance(self.term, And) else str(self.term)
        return f"in {self.percent} % of runs {text}"


Term = Comparison | Reached | Not | And | Every | Share


def leaves_of(term: Term) -> Iterator[Comparison | Reached | Every | Share]:
    """What a term is joined of, in order; what is about single runs is one leaf."""
    match term:
        case Not(inner):
            yield from leaves_of(inner)
        case And(terms):
            for one in terms:
                yield from leaves_of(one)
        case _:
            yield term


def _leaves(term: Term) -> Iterator[Comparison | Reached]:
    match term:
        case Not(inner) | Every(inner) | Share(term=inner):
            yield from _leaves(inner)
        case And(terms):
            for one in terms:
                yield from _leaves(one)
        case _:
            yield term


@dataclass(frozen=True, slots=True)
class Expectation:
    """One line of `expect`.

    Attributes:
        text: as it was written.
        term: what it says.
    """

    text: str
    term: Term

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons in it, in order."""
        return tuple(leaf for leaf in _leaves(self.term) if isinstance(leaf, Comparison))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics it names, each once, in order."""
        return tuple(dict.fromkeys(one.metric for one in self.comparisons))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups it names, each once, in order; `all` is not one of the scenario's."""
        return tuple(dict.fromkeys(one.group for one in self.comparisons))

    @property
    def runs_needed(self) -> int:
        """How many runs it needs to be able to pass, if the scenario draws anything at random."""
        shares = [leaf.runs_needed for leaf in leaves_of(self.term) if isinstance(leaf, Share)]
        return max([RUNS, *shares])

    @property
    def states(self) -> tuple[str, ...]:
        """The states it names, each once, in order."""
        leaves = (leaf for leaf in _leaves(self.term) if isinstance(leaf, Reached))
        return tuple(dict.fromkeys(leaf.state for leaf in leaves))


def parse_expectation(text: str) -> Expectation:
    """Read one line of `expect`.

    Raises:
        ValueError: where it cannot be read; the message says what is wrong and what to write.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"at most {_LONGEST} characters; split it into several expectations")
    return Expectation(text, _Reader(text).read())


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = [
            (cast("str", match.lastgroup), match[match.lastgroup or 0])
            for match in _TOKEN.finditer(text.rstrip())
        ]
        self._at = 0
        self._within = ""  # what is about single runs, while that is read

    def read(self) -> Term:
        if not self._tokens:
            raise _wrong("nothing is written")
        term = self._all()
        if self._at < len(self._tokens):
            raise self._unexpected("and, or the end", _JOINS)
        return term

    def _all(self) -> Term:
        terms = [self._one()]
        while self._skip("and"):
            terms.append(self._one())
        return terms[0] if len(terms) == 1 else And(tuple(terms))

    def _one(self) -> Term:
        if self._skip("not"):
            return Not(self._one())
        if self._skip("("):
            term = self._all()
            self._need(")")
            return term
        if self._skip("in"):
            return self._share()
        kind, word = self._next(_TERM)
        if kind not in ("name", "quantile"):
            self._at -= 1
            raise self._unexpected(_TERM, _BEGINS)
        if not self._skip("("):
            if word in _BEGINS:
                self._at -= 1
                raise self._unexpected(_TERM, _BEGINS)
            if word in ("reached", "always") or word in METRICS:
                raise _wrong(f"{word} needs brackets: {word}(…)")
            raise _wrong(f"{word!r} is not followed by (")
        if word == "always":
            term = self._single("always", self._all)
            self._need(")")
            return Every(term)
        if word == "reached":
            state = self._name("a state, such as drop-oldest")
            self._need(")")
            return Reached(state)
        return self._quantile(word) if kind == "quantile" else self._value(word)

    def _share(self) -> Term:
        _, number = self._next("a number of percent")
        if number.endswith("%"):
            number = number[:-1]
        else:
            self._need("%")
        for word in ("of", "runs"):
            self._need(word)
        if not _NUMBER.match(number) or not 0 < float(number) <= 100:
            found = f"{number} %".strip()
            raise _wrong(f"found {found}, where a share above 0 and below 100 % should stand")
        if 1 - float(number) / 100 < _SMALLEST:
            raise _wrong(f"found in {number} % of runs, at most 99.99 %", "always(…)")
        return Share(number, self._single("in … % of runs", self._one))

    def _single(self, name: str, read: Callable[[], Term]) -> Term:
        """What is asked of single runs; it is not about runs once more."""
        if self._within:
            raise _wrong(f"{name} inside of {self._within}: both say of which runs")
        self._within = name
        term = read()
        self._within = ""
        return term

    def _value(self, name: str) -> Comparison:
        metric = known_metric(name).name
        group = EVERYONE if self._peek() == ")" else self._name("a group")
        return self._compared(metric, group, "")

    def _quantile(self, word: str) -> Comparison:
        if not _PERCENT.match(word):
            raise _wrong(f"{word} is not a percentile: p1 to p99, or p99.9")
        metric = known_metric(self._name("a metric"))
        if not metric.over:
            spread = ", ".join(one.name for one in METRICS.values() if one.over)
            raise _wrong(f"{metric.name} has one value and no percentiles; these have: {spread}")
        group = self._name("a group") if self._skip(",") else EVERYONE
        return self._compared(metric.name, group, word[1:])

    def _compared(self, metric: str, group: str, percent: str) -> Comparison:
        self._need(")")
        _, op = self._next("one of < <= > >= ==")
        if op not in OPERATORS:
            self._at -= 1
            raise self._unexpected("one of < <= > >= ==", _COMPARES)
        _, number = self._next("a number")
        unit = METRICS[metric].unit
        if not _NUMBER.match(number):
            raise _wrong(
                f"found {number}, where a plain number in {unit} should stand",
                _in_unit(number, unit),
            )
        plain = _in_unit(number + self._peek(), unit)
        if plain:
            found = f"{number} {self._peek()}"
            raise _wrong(f"found {found}, where a plain number in {unit} should stand", plain)
        bound = float(number)
        if bound == float("inf"):
            raise _wrong(f"{number} is too large")
        return Comparison(metric, group, op, bound, percent)

    def _name(self, what: str) -> str:
        kind, word = self._next(what)
        if kind not in ("name", "quantile"):
            self._at -= 1
            raise self._unexpected(what)
        return word

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self, what: str) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._unexpected(what)
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, word: str) -> bool:
        if self._peek() != word:
            return False
        self._at += 1
        return True

    def _need(self, mark: str) -> None:
        if not self._skip(mark):
            raise self._unexpected(mark)

    def _unexpected(self, allowed: str, meant: Mapping[str, str] | None = None) -> ValueError:
        found = self._peek()
        # A mark can hang together with what follows it: =0.1
        mark = found.rstrip("0123456789.")
        hint = (meant or {}).get(mark, "")
        return _wrong(f"found {found or 'the end'}, where {allowed} should stand", hint)


def _in_unit(text: str, unit: str) -> str:
    """What a number with a unit is as a plain number; empty where it cannot be told."""
    try:
        if unit == "fraction" and text.endswith("%"):
            return f"{float(text[:-1]) / 100:g}"
        if unit == "s":
            return f"{parse_duration(text) / 1e9:g}"
        return str(parse_size(text)) if unit == "bytes" else ""
    except ValueError:
        return ""


def _wrong(problem: str, instead: str = "") -> ValueError:
    hint = f"write {instead}; all that can be written: " if instead else "write "
    return ValueError(f"{problem}; {hint}{EXPECT_ALLOWED}")
