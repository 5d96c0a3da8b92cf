"""Which formula knows a model."""

from __future__ import annotations

import numpy as np

from simrt.theory.expiry import md1_patience, mm1_patience, one_slot_patience
from simrt.theory.laws import Law
from simrt.theory.model import Model, Outages, Sends
from simrt.theory.outages import both_limits_replay, last_n_replay, max_age_replay
from simrt.theory.queues import dm1, dm1k, mg1, mg1k, mxm1k
from simrt.theory.stages import latency_quantile, mph1k, stages_of


def predict(model: Model) -> dict[str, float]:
    """What theory says about a model, by the names of the metrics; seconds, fractions, counts.

    Only what a formula gives is there; the formulas name their sources.

    Raises:
        ValueError: no formula here knows this model, or its queue grows without end.
    """
    sends, drain = model.sends, model.drain
    if model.outages is not None:
        return _outages(model, model.outages)
    if model.ttl_s is not None:
        return _expiry(model, model.ttl_s)
    if sends.process == "batch":
        _needs(drain.dist == "exponential" and model.buffer_size is not None, model)
        return _batches(sends, drain, model.buffer_size or 0)
    if sends.process == "periodic":
        _needs(drain.dist == "exponential", model)
        if model.buffer_size is None:
            return dm1(sends.rate_per_s, drain.mean_s)
        return dm1k(sends.rate_per_s, drain.mean_s, model.buffer_size, model.on_full)
    if model.buffer_size is None:
        return mg1(sends.rate_per_s, drain)
    if stages_of(drain) is not None:
        return mph1k(sends.rate_per_s, drain, model.buffer_size, model.on_full)
    return mg1k(sends.rate_per_s, drain, model.buffer_size, model.on_full)


def predict_quantile(p: float, model: Model) -> float:
    """The p-quantile of `latency_s`, seconds.

    Raises:
        ValueError: no formula here knows it: sends must be Poisson, the drain of exponential
            stages, the buffer bounded, without expiry and outages.
    """
    plain = model.ttl_s is None and model.outages is None and model.sends.process == "poisson"
    _needs(plain and model.buffer_size is not None and stages_of(model.drain) is not None, model)
    assert model.buffer_size is not None
    return latency_quantile(
        p, model.sends.rate_per_s, model.drain, model.buffer_size, model.on_full
    )


def _needs(holds: bool, model: Model) -> None:
    if not holds:
        raise ValueError(f"no formula knows {model}")


def _outages(model: Model, outages: Outages) -> dict[str, float]:
    rate, up, down = model.sends.rate_per_s, outages.up, outages.down
    _needs(
        model.sends.process == "poisson" and model.drain.mean_s == 0 and model.ttl_s is None, model
    )
    size = model.buffer_size
    if model.max_age_s is None:
        _needs(size is not None and model.last_n is not None, model)
        assert size is not None
        assert model.last_n is not None
        return last_n_replay(rate, up, down, size, model.last_n, resume=outages.resume)
    _needs(not outages.resume, model)
    if model.last_n is None:
        return max_age_replay(rate, up, down, model.max_age_s)
    _needs(down.dist == "deterministic" and size is not None, model)
    assert size is not None
    return both_limits_replay(rate, up, down.mean_s, size, model.last_n, model.max_age_s)


def _expiry(model: Model, ttl_s: float) -> dict[str, float]:
    rate, drain = model.sends.rate_per_s, model.drain
    _needs(model.sends.process == "poisson" and model.buffer_size in (None, 1), model)
    if model.buffer_size is None and drain.dist == "deterministic":
        return md1_patience(rate, drain.mean_s, ttl_s)
    _needs(drain.dist == "exponential", model)
    if model.buffer_size is None:
        return mm1_patience(rate, drain.mean_s, ttl_s)
    return one_slot_patience(rate, drain.mean_s, ttl_s, model.on_full)


def _batches(sends: Sends, drain: Law, buffer_size: int) -> dict[str, float]:
    k = np.arange(buffer_size + 2, dtype=np.float64)
    if sends.batch_dist == "geometric":
        sizes = np.power(1 - 1 / sends.batch_mean, k)
    else:
        sizes = np.asarray(k < sends.batch_mean, dtype=np.float64)
    return mxm1k(sends.rate_per_s, sizes, sends.batch_mean, drain.mean_s, buffer_size)
