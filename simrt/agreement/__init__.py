"""Do two targets agree? Pure functions of histories; no target inside."""

from simrt.agreement.pairing import Grain, grain
from simrt.agreement.row_by_row import Difference, RowByRow, row_by_row

__all__ = ["row_by_row", "RowByRow", "Difference", "Grain", "grain"]
