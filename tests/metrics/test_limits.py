"""Limits of a mean, of a share, and of what no run showed: against exact laws and a bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simrt.metrics import limits
from simrt.metrics.limits import Spread, lower, one_more, share_limits, spread_of, upper


@pytest.mark.parametrize("runs", [1, 20, 59, 299])
def test_what_no_run_showed_is_bounded_exactly(runs: int) -> None:
    """In that share of runs it would have stayed unseen with a probability of 5 %, no more."""
    share = limits.most_often(runs)
    assert stats.binom.pmf(0, runs, share) == pytest.approx(0.05)
    assert limits.most_often(20) == pytest.approx(0.139108, abs=1e-6)


@pytest.mark.parametrize(("hits", "runs"), [(0, 20), (1, 20), (57, 59), (59, 59), (20, 20), (3, 7)])
def test_shares_are_those_of_clopper_and_pearson(hits: int, runs: int) -> None:
    low, high = share_limits(hits, runs, 0.025, 0.01)
    whole = stats.binomtest(hits, runs)
    assert low == pytest.approx(whole.proportion_ci(0.95, "exact").low)
    assert high == pytest.approx(whole.proportion_ci(0.98, "exact").high)


def test_the_spread_is_what_scipy_says() -> None:
    values = [0.0, 0.0, 1.0, 2.5, 0.25]
    seen = spread_of(values)
    assert (seen.runs, seen.mean) == (5, 0.75)
    assert seen.deviation == pytest.approx(np.std(values, ddof=1))
    assert seen.skewness == pytest.approx(stats.skew(values))
    assert spread_of([3.0] * 4) == Spread(4, 3.0, 0.0, 0.0)
    assert spread_of([3.0]) == Spread(1, 3.0, 0.0, 0.0)
    assert spread_of([1e-200, 2e-200]).deviation == 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("law", ["exponential", "gamma", "lognormal"])
def test_a_bootstrap_agrees(law: str, seed: int) -> None:
    """Bootstrap-t (Efron and Tibshirani 1993, chapter 12) knows nothing of t or skewness.

    It needs many runs; then both ends lie near the formula's, and the formula's farther out.
    """
    chance = np.random.default_rng(seed)
    draw = {
        "exponential": lambda: chance.exponential(1, 100),
        "gamma": lambda: chance.gamma(4, 0.25, 100),
        "lognormal": lambda: chance.lognormal(0, 0.5, 100),
    }[law]
    values = draw()
    again = values[chance.integers(0, 100, (4000, 100))]
    mean, error = values.mean(), values.std(ddof=1) / 10
    t = (again.mean(1) - mean) / (again.std(1, ddof=1) / 10)
    low, high = mean - np.quantile(t, 0.975) * error, mean - np.quantile(t, 0.025) * error
    seen = spread_of(values.tolist())
    assert lower(seen, None) == pytest.approx(low, abs=0.6 * error)
    assert upper(seen, None) == pytest.approx(high, abs=1.0 * error)
    assert upper(seen, None) > high - 0.2 * error


def test_the_exact_interval_of_exponential_runs_is_not_left_far_behind() -> None:
    """Where the law is known, 2 n mean / truth is chi squared: the formula knows nothing of that,

    and still misses the truth above no more than half as often again as this exact limit does.
    """
    chance = np.random.default_rng(3)
    draws = chance.exponential(1, (2000, 20))
    means = draws.mean(1)
    exact = 40 * means / stats.chi2.ppf(0.025, 40)
    found = np.array([upper(spread_of(row.tolist()), None) for row in draws])
    assert (exact < 1).mean() == pytest.approx(0.025, abs=0.01)
    assert (found < 1).mean() < 0.045


def test_limits_stay_where_a_fraction_can_be() -> None:
    most = spread_of([1.0, 0.999, 1.0, 0.99])
    assert lower(spread_of([0.0, 0.001]), 1.0) == 0
    assert upper(most, 1.0) == 1
    # What is missing to 1 is a fraction too: its skewness widens the lower end.
    rest = spread_of([0.0, 0.001, 0.0, 0.01])
    assert 1 - lower(most, 1.0) == pytest.approx(upper(rest, 1.0))


def test_two_runs_take_half_of_the_error() -> None:
    """Without skewness they are Student's, of one degree of freedom."""
    seen = Spread(2, 100.0, 1e-3, 0.0)
    reach = stats.t.ppf(1 - 0.0125, 1) * 1e-3 / math.sqrt(2)
    assert upper(seen, None) - 100 == pytest.approx(reach, rel=1e-3)
    assert 100 - lower(seen, None) == pytest.approx(reach, rel=1e-3)


def test_one_more_run_lies_where_a_normal_law_says() -> None:
    """The prediction interval of Student's t, where nothing is skewed."""
    seen = Spread(20, 100.0, 1.0, 0.0)
    reach = stats.t.ppf(0.975, 19) * math.sqrt(1 + 1 / 20)
    assert one_more(seen, None) == pytest.approx((reach, reach), rel=1e-2)
    assert one_more(Spread(20, 3.0, 0.0, 0.0), None) == (0, 0)
    below, above = one_more(Spread(20, 100.0, 1.0, 2.0), None)
    assert below == pytest.approx(reach, rel=1e-2)  # its short side stays as it is
    assert above > 1.9 * reach
    mirrored = one_more(Spread(20, 100.0, 1.0, -2.0), None)
    assert mirrored == pytest.approx((above, below), rel=1e-3)


def test_a_law_that_is_skewed_down_has_its_longer_reach_there() -> None:
    plain, down = Spread(20, 100.0, 1.0, 0.0), Spread(20, 100.0, 1.0, -2.0)
    assert 100 - lower(down, None) > 1.2 * (100 - lower(plain, None))
    assert upper(down, None) == upper(plain, None)


@pytest.mark.parametrize("top", [1.0, 0.9])
def test_a_mean_at_the_top_has_no_room_that_could_skew_it(top: float) -> None:
    assert lower(Spread(20, 1.0, 0.1, 0.0), top) == lower(Spread(20, 1.0, 0.1, 0.0), None)


def test_four_runs_take_half_of_the_error_and_five_all_of_it() -> None:
    for runs, level in ((4, 0.0125), (5, 0.025)):
        reach = stats.t.ppf(1 - level, runs - 1) / math.sqrt(runs)
        assert upper(Spread(runs, 1e6, 1.0, 0.0), None) - 1e6 == pytest.approx(reach, rel=1e-3)


def test_paired_differences_have_limits_on_both_sides_of_0() -> None:
    """Student's where nothing is skewed; a skewed law has its longer reach on its longer side."""
    plain = Spread(20, -1.0, 2.0, 0.0)
    reach = stats.t.ppf(0.975, 19) * 2 / math.sqrt(20)
    assert limits.apart(plain) == pytest.approx((-1 - reach, -1 + reach))
    low, high = limits.apart(Spread(20, -1.0, 2.0, 1.0))
    assert low == pytest.approx(-1 - reach)
    assert high > -1 + 1.1 * reach
    assert limits.apart(Spread(20, 1.0, 2.0, -1.0)) == pytest.approx((-high, -low))


def test_how_many_runs_more() -> None:
    """Spread 50 %, 20 runs, a bound 30 % away: 1.96 x 0.5 / sqrt(n) = 0.3 for n = 11, skewed more.

    The mean is known to 0.11, so the bound may as well be half as far, or twice.
    """
    seen = Spread(20, 1.0, 0.5, 0.0)
    found = limits.further_runs(seen, 1.3, None)
    assert found is not None
    fewest, most = found
    assert most is not None
    assert fewest == 1
    assert 100 < most < 10_000
    # Pinned: how good such ranges are is measured in docs/statistics.md.
    assert most == 404
    near = limits.further_runs(seen, 1.0, None)
    assert near is not None
    assert near[1] is None
    assert limits.further_runs(Spread(2000, 1.0, 1.0, 0.0), 1.0, None) is not None
    assert limits.further_runs(Spread(6000, 1.0, 1.0, 0.0), 1.0, None) is None


@pytest.mark.parametrize("deviation", [0.05, 0.1, 0.25])
def test_a_fraction_and_what_is_missing_to_1_need_equally_many_runs(deviation: float) -> None:
    for skewness in (-1.0, 0.0, 1.0):
        low = limits.further_runs(Spread(20, 0.3, deviation, skewness), 0.36, 1.0)
        high = limits.further_runs(Spread(20, 0.7, deviation, -skewness), 0.64, 1.0)
        assert low == high
        assert low is not None


def test_limits_of_a_small_example_by_hand() -> None:
    """Ten runs: t = 2.2622 at 2.5 %; what they show of skewness is doubled, times 8/10."""
    seen = Spread(10, 8.0, 2.0, 0.5)
    t = stats.t.ppf(0.975, 9)
    root = math.sqrt(10)

    def reach(skewness: float) -> float:
        return float(2 / root * (t + skewness * (2 * t * t + 1) / (6 * root)))

    assert upper(seen, None) == pytest.approx(8 + reach(0.5 * 2 * 8 / 10))
    # Twice the square of the spread, seen from 10 down, is 2 (2 / 2)^2; down, nothing is shown.
    assert lower(seen, 10.0) == pytest.approx(8 - reach(2.0))
    assert lower(seen, None) == pytest.approx(8 - reach(0.0))
    # Above a spread of 1 it is the power of 2.5.
    wide = Spread(10, 1000.0, 2.0, 0.5)
    assert 1000 - lower(wide, 1000.5) == pytest.approx(reach(2 * 4**2.5))
    scale = 2 * math.sqrt(1 + 1 / 10)
    assert one_more(seen, 10.0) == pytest.approx(
        (scale * (t + 2.0 * (t * t - 1) / 6), scale * (t + 0.8 * (t * t - 1) / 6))
    )


@pytest.mark.parametrize(("runs", "part"), [(2, 0.5), (4, 0.5), (5, 1), (20, 1)])
def test_few_runs_take_a_part_of_an_error(runs: int, part: float) -> None:
    found = upper(Spread(runs, 1e6, 1.0, 0.0), None) - 1e6
    reach = stats.t.ppf(1 - 0.025 * part, runs - 1) / math.sqrt(runs)
    assert found == pytest.approx(reach, rel=1e-4)


def test_a_fail_must_be_surer_than_a_pass() -> None:
    assert [limits.firm(1.0, runs) for runs in (2, 19, 20, 100)] == [0.2, 0.2, 0.4, 0.4]


def test_equal_values_are_enough_from_20_runs_on() -> None:
    assert [limits.equal_enough(runs) for runs in (19, 20)] == [False, True]
    assert not limits.equal_enough(20, 0.0115)  # 0.8 to the power of 20 is 0.01153
    assert limits.equal_enough(20, 0.0116)


@pytest.mark.parametrize(
    ("seen", "bound", "top", "found"),
    [
        (Spread(20, 1.0, 0.5, 0.0), 1.3, None, (1, 404)),
        (Spread(20, 1.0, 0.5, 0.0), 0.7, None, (1, 389)),
        (Spread(5, 10.0, 2.0, 1.0), 13.0, None, (1, 100)),
        (Spread(50, 0.4, 0.2, 0.3), 0.5, 1.0, (1, 85)),
        (Spread(5, 1.0, 2.0, 0.0), 3.0, None, (8, 1482)),
        (Spread(3, 1.0, 0.5, 0.0), 1.2, None, (1, None)),
    ],
)
def test_how_many_runs_more_is_pinned(
    seen: Spread, bound: float, top: float | None, found: tuple[int, int | None]
) -> None:
    """How good such ranges are is measured in docs/statistics.md."""
    assert limits.further_runs(seen, bound, top) == found


def test_a_distance_is_a_quantile_of_what_the_mean_can_be() -> None:
    """Far from the bound, the distance is the gap, give or take Student's quantile of errors."""
    assert limits._distance(0.5, 100.0, 1.0, 19) == pytest.approx(100.0)
    for share in (0.02, 0.8, 0.97):
        expected = 100 + stats.t.ppf(share, 19)
        assert limits._distance(share, 100.0, 1.0, 19) == pytest.approx(expected)
    # At the bound it lies on both sides.
    assert limits._distance(0.8, 0.0, 1.0, 19) == pytest.approx(stats.t.ppf(0.9, 19))
