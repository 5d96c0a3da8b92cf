"""Closed forms: what one subscriber experiences, computed without simulation.

The formulas give their figures under the names of the metrics::

    from simrt import theory

    model = theory.Model(
        theory.Sends("poisson", 45), theory.exponential(0.02), buffer_size=8, on_full="drop-newest"
    )
    theory.predict(model)["loss_fraction"]  # 0.0594822…

Each formula is a pure function that names its source and says whether it is published there or
derived here. No original could be consulted when this was written: every citation is *not checked
against the original*. Where the same formula was found in a second source, `Formula.second_source`
names it. What was checked: the values, by the simulator (`simrt validate`), and by the identities
in the tests.
"""

from simrt.theory.catalogue import FORMULAS, Formula
from simrt.theory.expiry import md1_patience, mm1_patience, one_slot_patience
from simrt.theory.laws import (
    Dist,
    Law,
    deterministic,
    erlang,
    exponential,
    hyperexponential,
    uniform,
)
from simrt.theory.model import Model, Outages, Sends
from simrt.theory.outages import both_limits_replay, last_n_replay, max_age_replay
from simrt.theory.predict import predict, predict_quantile
from simrt.theory.queues import (
    dm1,
    dm1k,
    md1_staleness,
    mg1,
    mg1k,
    mm1_staleness,
    mm1k_loss,
    mm11_replaced_staleness,
    mm11_staleness,
    mxm1k,
)
from simrt.theory.stages import OnFull, age_cycle, latency_quantile, latency_tail, mph1k

__all__ = [
    "predict",
    "predict_quantile",
    "Model",
    "Sends",
    "Outages",
    "Law",
    "Dist",
    "OnFull",
    "exponential",
    "deterministic",
    "erlang",
    "hyperexponential",
    "uniform",
    "mm1k_loss",
    "mph1k",
    "age_cycle",
    "latency_tail",
    "latency_quantile",
    "mm11_staleness",
    "mm11_replaced_staleness",
    "mm1_staleness",
    "md1_staleness",
    "mg1",
    "mg1k",
    "dm1",
    "dm1k",
    "mxm1k",
    "mm1_patience",
    "md1_patience",
    "one_slot_patience",
    "last_n_replay",
    "max_age_replay",
    "both_limits_replay",
    "Formula",
    "FORMULAS",
]
