"""The measured parts of docs/theory.md: tables, figures, and what they are true for.

    python -m tests.docs.theory

simulates everything anew and writes it: some minutes.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from simrt import theory
from simrt.report.palette import GRID, INK, QUIET
from simrt.scenario.metric_names import VALIDATION_QUANTITIES
from simrt.theory import Model, OnFull, Outages, Sends, deterministic, exponential
from simrt.validation import SHIPPED, Case, Finding, Job, plan, read_cases, simulate, validate
from tests.docs.generated import replaced
from tests.docs.rules import ROOT

PAGE = ROOT / "docs" / "theory.md"
SENDS = 100_000
FIGURE_SENDS = 20_000
SEED = 1

# --- what the page is true for ------------------------------------------------------------------

# Whatever can change a simulated figure, or what it is compared with.
SOURCES = ("engine", "targets/sim", "metrics", "theory", "validation", "network.py",
           "scenario/arrivals.py", "scenario/randomness.py")  # fmt: skip


def digest() -> str:
    """A digest of the code behind the figures; comments, docstrings and layout do not count."""
    found = hashlib.blake2b(digest_size=12)
    found.update(SHIPPED.read_bytes())
    for source in SOURCES:
        place = ROOT / "simrt" / source
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(bare(path.read_text("utf-8")).encode())
    return found.hexdigest()


def bare(source: str) -> str:
    """The code of a source, without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:]
    return ast.dump(tree)


def fingerprint() -> str:
    """A digest of short simulations of all cases: equal where the figures would come out equal."""
    found = hashlib.blake2b(digest_size=12)
    for case in read_cases(SHIPPED):
        second_ns = round(2e11 / case.model.sends.messages_per_s)
        batches, _ = simulate(Job(case.model, second_ns // 4, second_ns, 15, SEED))
        found.update(f"{case.id} {case.expected} {case.predicted:.9g}".encode())
        for batch in batches:
            found.update(repr((batch.totals, batch.latency_quantile(0.9))).encode())
    return found.hexdigest()


# --- tables -------------------------------------------------------------------------------------


def table_of_cases(findings: Iterable[Finding]) -> str:
    """Each case: expected, estimate, standard error, z."""
    lines = ["| case | quantity | expected | estimate | standard error | z |",
             "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    total = failed = 0
    for finding in findings:
        case = finding.case
        total, failed = total + 1, failed + (not finding.passed)
        lines.append(
            f"| `{case.id}` | `{case.quantity}` | {case.expected:.8g} | {finding.estimate:.8g} | "
            f"{finding.standard_error:.2g} | {finding.z:+.2f} |"
        )
    lines.append(f"\n{total - failed} of {total} cases agree, with {SENDS:,} sends each, seed "
                 f"{SEED}.\n")  # fmt: skip
    return "\n".join(lines)


def _checked(one: theory.Formula) -> str:
    """What is said of the citations behind a formula."""
    if not one.sources:
        return ""
    if not one.second_source:
        return " (not checked)"
    return f" (originals not checked; stated the same in {one.second_source})"


def table_of_formulas() -> str:
    """Each formula: what it is about, gives, and where it comes from."""
    lines = ["| `simrt.theory.` | model | gives | status | sources |", "|---|---|---|---|---|"]
    for one in theory.FORMULAS:
        gives = ", ".join(f"`{name}`" for name in one.gives)
        sources = "; ".join(one.sources) or "textbook steps"
        checked = _checked(one)
        lines.append(
            f"| `{one.name}` | {one.model} | {gives} | {one.status} | {sources}{checked} |"
        )
    return "\n".join(lines) + "\n"


def stamp() -> str:
    """What the tables and figures are true for."""
    return f"code {digest()}, behaviour {fingerprint()}\n"


# --- figures --------------------------------------------------------------------------------------

DRAIN_S = 0.02
BLUE, ORANGE, GREEN, PINK = "#0072b2", "#d55e00", "#009e73", "#a0558c"

_QUANTITIES = {metric: quantity for quantity, metric in VALIDATION_QUANTITIES.items()}


def reach(finding: Finding) -> float:
    """How many standard errors a 95 % interval reaches."""
    from scipy.special import stdtrit

    return float(stdtrit(finding.batches - 1, 0.975))


def queue(load: float, size: int, policy: OnFull) -> Model:
    """Poisson sends, exponential drains of 20 ms."""
    return Model(Sends("poisson", load / DRAIN_S), exponential(DRAIN_S), size, policy)


def away(last_n: int) -> Model:
    """Two sends a second, outages of 3 s every 11 s."""
    outages = Outages(exponential(8.0), deterministic(3.0))
    return Model(Sends("poisson", 2.0), deterministic(0.0), 50, outages=outages, last_n=last_n)


@dataclass(frozen=True)
class Curve:
    """One curve of theory with its simulated points.

    Attributes:
        label: what it shows.
        metric: the metric on the y axis.
        model: the model at each x.
        line: where the curve is drawn.
        points: where it is simulated.
    """

    label: str
    metric: str
    model: Callable[[Any], Model]
    line: Sequence[float]
    points: Sequence[float]
    colour: str
    mark: str
    shift: float = 1.0  # points of two curves that coincide stand side by side

    def predicted(self, x: float) -> float:
        """The curve."""
        return theory.predict(self.model(x))[self.metric]

    def simulated(self) -> list[Finding]:
        """The points."""
        cases = [
            Case(f"{self.label}/{x:g}", _QUANTITIES[self.metric], self.model(x), self.predicted(x))
            for x in self.points
        ]
        return list(validate([plan(case, FIGURE_SENDS, SEED) for case in cases]))


SIZES = (1, 2, 4, 8, 16, 32)
LOADS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)
FINE = tuple(0.12 + 0.02 * k for k in range(95))


def of_size(load: float, policy: OnFull) -> Callable[[int], Model]:
    """By `bufferSize`."""
    return lambda size: queue(load, size, policy)


def of_load(size: int, policy: OnFull) -> Callable[[float], Model]:
    """By load."""
    return lambda load: queue(load, size, policy)


FIGURES = {
    "loss": (
        ("A larger buffer saves an underloaded client and does little for an overloaded one;\n"
        "which end is dropped changes nothing about how many are lost"),
        "bufferSize (messages)",
        "share of messages lost",
        tuple(
            Curve(f"load {load}, {policy}", "loss_fraction", of_size(load, policy),
                  range(1, 33), SIZES, colour, mark, shift)
            for load, colour in ((1.2, ORANGE), (0.9, BLUE))
            for policy, mark, shift in (("drop-oldest", "o", 0.96), ("drop-newest", "D", 1.04))
        ),
    ),
    "staleness": (
        ("Staleness has a minimum: past it, more messages make what is on screen older,\n"
        "and a larger buffer much older, whichever end is dropped"),
        "load (sends per second x time to handle one)",
        "mean staleness (ms)",
        (
            Curve("drop-newest, bufferSize 16", "staleness_s", of_load(16, "drop-newest"), FINE,
                  LOADS, ORANGE, "D"),
            Curve("drop-newest, bufferSize 4", "staleness_s", of_load(4, "drop-newest"), FINE,
                  LOADS, PINK, "s"),
            Curve("drop-newest, bufferSize 1", "staleness_s", of_load(1, "drop-newest"), FINE,
                  LOADS, GREEN, "v"),
            Curve("drop-oldest, bufferSize 16", "staleness_s", of_load(16, "drop-oldest"), FINE,
                  LOADS, BLUE, "o"),
        ),
    ),
    "replay": (
        ("Each message more of replay misses less and repeats more\n"
        "(2 messages a second, outages of 3 s)"),
        "lastN (messages)",
        "messages per outage",
        (
            Curve("missed", "missed_per_outage", away, range(15), range(0, 15, 2), ORANGE, "D"),
            Curve("received again", "duplicates_per_outage", away, range(15), range(0, 15, 2),
                  BLUE, "o"),
        ),
    ),
}  # fmt: skip


def drawn(name: str) -> str:
    """One figure as SVG: curves of theory, simulated points with intervals of 95 %."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib.figure import Figure

    title, along, up, curves = FIGURES[name]
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path", "font.size": 9}):
        canvas = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = canvas.subplots()
        factor = 1000 if "(ms)" in up else 1
        for curve in curves:
            axes.plot(curve.line, [factor * curve.predicted(x) for x in curve.line],
                      color=curve.colour, lw=1.1)  # fmt: skip
            findings = curve.simulated()
            sys.stderr.write(f"{curve.label}: z {[round(f.z, 1) for f in findings]}\n")
            axes.errorbar(
                [x * curve.shift for x in curve.points],
                [factor * (f.estimate or 0) for f in findings],
                [factor * reach(f) * f.standard_error for f in findings],
                fmt=curve.mark, color=curve.colour, ms=4, lw=1.2, capsize=2.5, mfc="white",
                label=curve.label,
            )  # fmt: skip
        if name == "loss":
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(SIZES, [str(size) for size in SIZES])
            axes.set_yticks((0.003, 0.01, 0.03, 0.1, 0.3), ("0.3 %", "1 %", "3 %", "10 %", "30 %"))
            axes.minorticks_off()
            axes.set_ylim(0.001, 0.5)
        elif name == "staleness":
            axes.set_ylim(0, 400)
        else:
            axes.set_ylim(0, None)
        axes.set_title(title, fontsize=10, loc="left", color=INK.light)
        axes.set_xlabel(along, color=INK.light)
        axes.set_ylabel(up, color=INK.light)
        axes.tick_params(colors=QUIET.light)
        axes.grid(color=GRID.light, lw=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        axes.legend(frameon=False, title="simulated; lines: theory", alignment="left")
        out = io.StringIO()
        canvas.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white"
        )
    return re.sub(r" +$", "", out.getvalue(), flags=re.MULTILINE)


def main() -> None:
    """Write page and figures."""
    findings = []
    for finding in validate([plan(case, SENDS, SEED) for case in read_cases(SHIPPED)]):
        findings.append(finding)
        sys.stderr.write(f"{finding.case.id} z={finding.z:+.2f}\n")
    for name in FIGURES:
        (PAGE.parent / f"theory-{name}.svg").write_text(drawn(name), "utf-8")
    text = PAGE.read_text("utf-8")
    text = replaced(text, "cases", table_of_cases(findings))
    text = replaced(text, "formulas", table_of_formulas())
    PAGE.write_text(replaced(text, "stamp", stamp()), "utf-8")


if __name__ == "__main__":
    main()
