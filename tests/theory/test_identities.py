"""Formulas against each other: two ways to one value, limits, balances."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate

from simrt import theory
from simrt.theory import deterministic, erlang, exponential, hyperexponential, uniform

POLICIES = ("drop-oldest", "drop-newest")
rates = st.floats(1, 200)
drains = st.floats(0.002, 0.1)
sizes = st.integers(1, 12)
policies = st.sampled_from(POLICIES)


def close(value, rel=1e-8):
    """Equal up to rounding: a linear solver need not repeat its last digit in one process."""
    return pytest.approx(value, rel=rel, abs=1e-12)


# --- exponential drains -------------------------------------------------------------------------


@given(rates, drains, sizes, policies)
def test_the_chain_of_stages_loses_as_the_mm1k_formula_says(rate, drain, size, policy):
    chain = theory.mph1k(rate, exponential(drain), size, policy)
    assert chain["loss_fraction"] == close(theory.mm1k_loss(rate, drain, size))


@given(rates, drains)
def test_one_slot_has_the_age_of_the_published_formulas(rate, drain):
    refused = theory.mph1k(rate, exponential(drain), 1, "drop-newest")
    replaced = theory.mph1k(rate, exponential(drain), 1, "drop-oldest")
    assert refused["staleness_s"] == close(theory.mm11_staleness(rate, drain))
    assert replaced["staleness_s"] == close(theory.mm11_replaced_staleness(rate, drain))


@given(rates, drains, sizes, st.integers(1, 4), policies)
def test_little_counts_what_waits_and_what_is_written(rate, drain, size, shape, policy):
    """Time in the queue and in flight, of written and of evicted messages: Little 1961."""
    found = theory.mph1k(rate, erlang(drain, shape), size, policy)
    loss = found["loss_fraction"]
    inside = rate * (1 - loss) * found["latency_s"]
    if policy == "drop-oldest":
        inside += rate * loss * found["evicted_age_s"]
    busy = rate * drain * (1 - loss)
    assert found["mean_pending"] + busy == close(inside)


@given(rates, drains, sizes)
def test_the_policy_changes_neither_loss_nor_queue_but_the_age(rate, drain, size):
    oldest, newest = (theory.mph1k(rate, exponential(drain), size, one) for one in POLICIES)
    assert oldest["loss_fraction"] == close(newest["loss_fraction"])
    assert oldest["mean_pending"] == close(newest["mean_pending"])
    assert oldest["latency_s"] <= newest["latency_s"] * (1 + 1e-9)
    assert oldest["staleness_s"] <= newest["staleness_s"] * (1 + 1e-9)
    assert oldest["staleness_s"] < oldest["peak_staleness_s"]


@given(drains, st.floats(0.05, 0.7))
def test_a_large_buffer_is_one_that_is_never_full(drain, load):
    large = theory.mph1k(load / drain, exponential(drain), 60, "drop-newest")
    endless = theory.mg1(load / drain, exponential(drain))
    for name, value in endless.items():
        assert large[name] == pytest.approx(value, rel=1e-5, abs=1e-8), name


@given(rates, drains, sizes, policies)
def test_equal_stages_by_other_names(rate, drain, size, policy):
    plain = theory.mph1k(rate, exponential(drain), size, policy)
    for law in (erlang(drain, 1), hyperexponential(((0.3, drain), (0.7, drain)))):
        other = theory.mph1k(rate, law, size, policy)
        assert other == {name: close(value) for name, value in plain.items()}


# --- other drains ---------------------------------------------------------------------------------


@given(rates, drains, sizes, st.sampled_from(["erlang", "hyper"]), policies)
def test_two_chains_agree_on_drains_of_stages(rate, drain, size, kind, policy):
    phases = ((0.8, drain / 2), (0.2, 3 * drain))
    law = erlang(drain, 3) if kind == "erlang" else hyperexponential(phases)
    stages = theory.mph1k(rate, law, size, policy)
    left = theory.mg1k(rate, law, size, policy)
    for name, value in left.items():
        assert value == close(stages[name], rel=1e-7), name


def b(load, n):
    """The published coefficient b_n of M/D/1/K, in exact fractions but for the exponential."""
    terms = [
        (-1) ** k * Fraction(n - k) ** k * load**k / math.factorial(k) * exp(load * (n - k))
        for k in range(n + 1)
    ]
    return sum(terms)


def brun_garcia(load, most):
    """The published series for the loss of M/D/1/K."""
    last = b(load, most - 1)
    return float(1 - last / (1 + load * last))


def garcia_brun_gauchard(load, most):
    """The published mean number of messages in M/D/1/K, the one being written included."""
    return float(most - sum(b(load, n) for n in range(most)) / (1 + load * b(load, most - 1)))


def exp(x):
    """The exponential of a fraction to some 40 digits."""
    return sum((x**k / math.factorial(k) for k in range(1, 90)), Fraction(1))


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15])
@pytest.mark.parametrize("load", [Fraction(1, 2), Fraction(9, 10), Fraction(1), Fraction(13, 10)])
def test_the_loss_with_a_constant_drain_is_the_published_series(load, size):
    found = theory.mg1k(float(load) / 0.01, deterministic(0.01), size)
    assert found["loss_fraction"] == close(brun_garcia(load, size + 1), rel=1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 15])
@pytest.mark.parametrize("load", [Fraction(1, 2), Fraction(9, 10), Fraction(1), Fraction(13, 10)])
def test_the_mean_with_a_constant_drain_is_the_published_one(load, size):
    found = theory.mg1k(float(load) / 0.01, deterministic(0.01), size)
    written = float(load) * (
        1 - found["loss_fraction"]
    )  # the share of time in which one is written
    inside = found["mean_pending"] + written
    assert inside == close(garcia_brun_gauchard(load, size + 1), rel=1e-9)


@given(st.floats(0.05, 0.9), drains)
def test_endless_queues_have_the_age_of_the_published_formulas(load, drain):
    rate = load / drain
    assert theory.mg1(rate, exponential(drain))["staleness_s"] == close(
        theory.mm1_staleness(rate, drain)
    )
    assert theory.mg1(rate, deterministic(drain))["staleness_s"] == close(
        theory.md1_staleness(rate, drain)
    )


def test_a_steadier_drain_is_better():
    by_law = [
        theory.mg1(30, law)["latency_s"]
        for law in (deterministic(0.02), uniform(0.01, 0.03), erlang(0.02, 3), exponential(0.02))
    ]
    assert by_law == sorted(by_law)


@settings(max_examples=10)  # hundreds of states each
@given(st.floats(0.1, 0.7), drains)
def test_even_sends_into_a_large_buffer(load, drain):
    rate = load / drain
    endless = theory.dm1(rate, drain)
    for policy in POLICIES:
        large = theory.dm1k(rate, drain, 30, policy)
        assert large["latency_s"] == pytest.approx(endless["latency_s"], rel=1e-6)
        assert large["loss_fraction"] < 1e-6


@given(rates, drains, sizes)
def test_even_sends_lose_as_many_under_either_policy(rate, drain, size):
    oldest, newest = (theory.dm1k(rate, drain, size, one) for one in POLICIES)
    assert oldest["loss_fraction"] == close(newest["loss_fraction"])
    assert oldest["latency_s"] <= newest["latency_s"] * (1 + 1e-9)


@given(rates, drains, sizes)
def test_a_batch_of_one_is_a_message(rate, drain, size):
    model = theory.Model(theory.Sends("batch", rate, "fixed", 1), exponential(drain), size)
    geometric = theory.Model(theory.Sends("batch", rate, "geometric", 1), exponential(drain), size)
    expected = theory.mph1k(rate, exponential(drain), size)
    for found in (theory.predict(model), theory.predict(geometric)):
        assert found == {name: close(expected[name]) for name in found}


@given(rates, drains, sizes, st.integers(2, 6))
def test_batches_lose_more_than_as_many_single_messages(rate, drain, size, mean):
    for dist in ("fixed", "geometric"):
        model = theory.Model(theory.Sends("batch", rate, dist, mean), exponential(drain), size)
        single = theory.mm1k_loss(rate * mean, drain, size)
        assert theory.predict(model)["loss_fraction"] >= single * (1 - 1e-9)


# --- latency ------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("law", [exponential(0.02), erlang(0.02, 2)])
def test_the_tail_of_the_latency_adds_up_to_its_mean(policy, law):
    def tail(t):
        return theory.latency_tail(t, 70, law, 3, policy)

    assert tail(0.0) == close(1.0)
    area = integrate.quad(tail, 0, 0.8, epsrel=1e-9)[0]
    assert area == pytest.approx(theory.mph1k(70, law, 3, policy)["latency_s"], rel=1e-6)
    for p in (0.05, 0.5, 0.99):
        assert tail(theory.latency_quantile(p, 70, law, 3, policy)) == close(1 - p)


# --- expiry -------------------------------------------------------------------------------------


@given(st.floats(0.05, 0.8), drains)
def test_endless_patience_is_none(load, drain):
    rate = load / drain
    found = theory.mm1_patience(rate, drain, 400 * drain / (1 - load))
    endless = theory.mg1(rate, exponential(drain))
    assert found["expired_fraction"] < 1e-9
    for name in ("latency_s", "staleness_s", "peak_staleness_s"):
        assert found[name] == close(endless[name]), name


@given(rates, drains)
def test_without_patience_only_an_idle_subscriber_gets_anything(rate, drain):
    load = rate * drain
    for formula in (theory.mm1_patience, theory.md1_patience):
        found = formula(rate, drain, 1e-9)
        assert found["expired_fraction"] == pytest.approx(load / (1 + load), rel=1e-5)


@given(drains, st.floats(0.1, 20))
def test_a_load_of_one_is_nothing_special(drain, ttl):
    ttl *= drain
    at, below, above = (
        theory.mm1_patience(load / drain, drain, ttl) for load in (1, 1 - 1e-7, 1 + 1e-7)
    )
    for name, value in at.items():
        assert below[name] == pytest.approx(value, rel=1e-5, abs=1e-9), name
        assert above[name] == pytest.approx(value, rel=1e-5, abs=1e-9), name


@given(rates, drains, st.floats(0.1, 8))
def test_what_is_written_keeps_the_subscriber_busy(rate, drain, ttl):
    """Written messages per second times a drain is the share of time that it is busy, below 1."""
    for formula in (theory.mm1_patience, theory.md1_patience):
        written = rate * (1 - formula(rate, drain, ttl * drain)["expired_fraction"])
        assert 0 < written * drain < 1


def test_a_long_constant_patience_keeps_its_digits():
    """The series has terms of 10^50 here; the answer is still a fraction."""
    found = theory.md1_patience(95, 0.01, 1.2)["expired_fraction"]
    assert 0 < found < 1e-3
    longer = theory.md1_patience(95, 0.01, 2.4)["expired_fraction"]
    assert 0 < longer < found


@given(rates, drains)
def test_one_slot_with_endless_patience(rate, drain):
    found = theory.one_slot_patience(rate, drain, 100 * drain, "drop-oldest")
    assert found["staleness_s"] == close(theory.mm11_replaced_staleness(rate, drain))
    refused = theory.one_slot_patience(rate, drain, 100 * drain, "drop-newest")
    assert refused["expired_fraction"] < 1e-12


# --- outages --------------------------------------------------------------------------------------

laws = st.sampled_from(
    [exponential(3), deterministic(3), erlang(3, 2), uniform(1, 5),
     hyperexponential(((0.5, 1.0), (0.5, 5.0)))]
)  # fmt: skip
some_rates = st.floats(0.1, 8)


@given(some_rates, laws, laws, st.integers(0, 20))
def test_what_a_replay_does_not_repeat_it_brings(rate, up, down, last_n):
    """Of R messages of replay those that are not new are repeats; what it lacks is missed."""
    found = theory.last_n_replay(rate, up, down, 50, last_n)
    balance = found["missed_per_outage"] - found["duplicates_per_outage"]
    assert balance == close(rate * down.mean_s - last_n)
    resumed = theory.last_n_replay(rate, up, down, 50, last_n, resume=True)
    assert resumed["duplicates_per_outage"] == 0
    assert resumed["missed_per_outage"] == found["missed_per_outage"]
    assert resumed["replayed_per_reconnect"] == close(last_n - found["duplicates_per_outage"])
    assert found["missed_fraction"] < 1


@given(some_rates, laws, laws)
def test_without_replay_all_of_an_outage_is_missed(rate, up, down):
    found = theory.last_n_replay(rate, up, down, 50, 0)
    share = down.mean_s / (up.mean_s + down.mean_s)
    assert found["missed_fraction"] == close(share)
    assert found["gap_probability"] == close(1 - down.transform(rate))


@given(some_rates, laws, laws, st.floats(0.1, 9))
def test_the_two_windows_of_a_replay_by_age(rate, up, down, age):
    found = theory.max_age_replay(rate, up, down, age)
    balance = found["missed_per_outage"] - found["duplicates_per_outage"]
    assert balance == close(rate * (down.mean_s - age))


@given(some_rates, laws, st.integers(0, 12), st.floats(0.1, 9))
def test_with_both_limits_the_tighter_one_decides(rate, up, last_n, age):
    down = deterministic(3.0)
    by_number = theory.both_limits_replay(rate, up, 3.0, 50, last_n, 1e4)
    by_age = theory.both_limits_replay(rate, up, 3.0, 10**4, 10**3, age)
    only_number = theory.last_n_replay(rate, up, down, 50, last_n)
    only_age = theory.max_age_replay(rate, up, down, age)
    for name, value in by_number.items():
        assert value == close(only_number[name], rel=1e-7), name
    for name, value in by_age.items():
        assert value == pytest.approx(only_age[name], rel=1e-7, abs=1e-9), name


@given(some_rates, laws, laws)
def test_a_replay_of_one_is_enough_for_the_age(rate, up, down):
    none, one, many = (theory.last_n_replay(rate, up, down, 50, n) for n in (0, 1, 20))
    assert one["staleness_s"] == many["staleness_s"] <= none["staleness_s"]
    assert one["age_after_replay_s"] == close(1 / rate) or one["age_after_replay_s"] < 1 / rate
    assume(down.mean_s > 0)
    assert none["age_after_replay_s"] > one["age_after_replay_s"]
