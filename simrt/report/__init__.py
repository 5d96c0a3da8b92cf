"""Figures, HTML, text and JUnit: what people and other programs read of a check.

Nothing heavy is imported before something is drawn or written.
"""

from simrt.report.files import write_report
from simrt.report.index import KEEP, prune, write_index
from simrt.report.notebook import run_html

__all__ = ["write_report", "write_index", "prune", "run_html", "KEEP"]
