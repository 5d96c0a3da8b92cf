"""Do two targets agree? Pure functions of histories and figures; no target inside."""

from simrt.agreement.comparison import Comparison
from simrt.agreement.distributions import Shapes, shapes
from simrt.agreement.figures import METHOD, Distance, Figure, banded_figures, equal_figures
from simrt.agreement.pairing import Grain, grain, names_of, require_a_pair
from simrt.agreement.row_by_row import Difference, RowByRow, row_by_row
from simrt.agreement.window import Windows, ends, late_ns

__all__ = [
    "row_by_row",
    "RowByRow",
    "Difference",
    "Grain",
    "grain",
    "names_of",
    "require_a_pair",
    "banded_figures",
    "equal_figures",
    "Distance",
    "Figure",
    "METHOD",
    "shapes",
    "Shapes",
    "Windows",
    "ends",
    "late_ns",
    "Comparison",
]
