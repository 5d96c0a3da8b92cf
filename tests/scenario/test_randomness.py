"""Named random streams: the laws they follow, and that nothing but seed, name and index counts."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator, Philox

from simrt.scenario.model import Distribution
from simrt.scenario.randomness import BLOCK, FIRST, KEPT_BLOCKS, LONGEST_NS, Randomness

MS = 1_000_000
N = 40_000

# law, mean and variance in milliseconds
LAWS = {
    "exponential": (Distribution(exponential="20ms"), 20, 400),
    "erlang": (Distribution(erlang={"mean": "30ms", "shape": 3}), 30, 300),
    "uniform": (Distribution(uniform={"low": "5ms", "high": "15ms"}), 10, 100 / 12),
    "hyperexponential": (
        Distribution(hyperexponential=[{"p": 0.9, "mean": "10ms"}, {"p": 0.1, "mean": "100ms"}]),
        19,
        2 * (0.9 * 100 + 0.1 * 10_000) - 19**2,
    ),
    "three phases": (
        Distribution(
            hyperexponential=[
                {"p": 0.25, "mean": "1ms"}, {"p": 0.25, "mean": "10ms"}, {"p": 0.5, "mean": "40ms"},
            ]
        ),
        0.25 + 2.5 + 20,
        2 * (0.25 + 25 + 800) - 22.75**2,
    ),
}  # fmt: skip


def sample(draws, count=N):
    return np.array([draws.at(index) for index in range(count)])


def z_of_mean(values, mean, variance):
    return (values.mean() - mean) / math.sqrt(variance / len(values))


def z_of_variance(values, mean, variance):
    squares = (values - mean) ** 2
    return (squares.mean() - variance) / math.sqrt(squares.var() / len(values))


# Fixed seed, so fixed z: 4 standard errors leave no doubt and no chance.
@pytest.mark.parametrize("name", LAWS)
def test_a_law_has_its_mean_and_variance(name):
    law, mean, variance = LAWS[name]
    values = sample(Randomness(7).draws(name, law)) / MS
    assert abs(z_of_mean(values, mean, variance)) < 4
    assert abs(z_of_variance(values, mean, variance)) < 4
    assert law.mean_ns / MS == pytest.approx(mean)


def test_an_exponential_has_its_quantiles():
    values = np.sort(sample(Randomness(7).draws("q", LAWS["exponential"][0])))
    uniform = 1 - np.exp(-values / (20 * MS))
    grid = np.arange(1, N + 1) / N
    assert np.abs(uniform - grid).max() < 1.63 / math.sqrt(N)  # Kolmogorov, 1 %


def test_a_uniform_keeps_its_bounds():
    values = sample(Randomness(1).draws("u", LAWS["uniform"][0]))
    assert values.min() >= 5 * MS
    assert values.max() <= 15 * MS


def test_a_geometric_counts_from_one():
    values = sample(Randomness(3).geometric("g", 3.5))
    assert values.min() == 1
    assert abs(z_of_mean(values, 3.5, 3.5 * 2.5)) < 4
    assert set(sample(Randomness(3).geometric("g", 1.0), 300)) == {1}


def test_between_two_durations():
    values = sample(Randomness(3).between("r", 2 * MS, 5 * MS)) / MS
    assert abs(z_of_mean(values, 3.5, 9 / 12)) < 4
    assert Randomness(3).between("r", 5, 5).at(10**9) == 5


def test_an_exponential_whose_mean_is_no_whole_number():
    values = sample(Randomness(3).exponential("e", 2.5 * MS)) / MS
    assert abs(z_of_mean(values, 2.5, 6.25)) < 4


def test_uniform_fractions():
    values = sample(Randomness(5).uniform("f"))
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(z_of_mean(values, 0.5, 1 / 12)) < 4


def test_neighbouring_draws_and_streams_are_uncorrelated():
    one = sample(Randomness(5).uniform("member/1"))
    two = sample(Randomness(5).uniform("member/2"))
    other_seed = sample(Randomness(6).uniform("member/1"))
    for left, right in (
        (one[1:], one[:-1]),
        (one, two),
        (one, other_seed),
        (one[BLOCK:], one[:-BLOCK]),
    ):
        r = np.corrcoef(left, right)[0, 1]
        assert abs(r) * math.sqrt(len(left)) < 4


def test_draws_are_whole_nanoseconds():
    for law, _, _ in LAWS.values():
        value = Randomness(1).draws("x", law).at(0)
        assert type(value) is int
        assert value >= 0


def test_a_constant_law_draws_nothing():
    draws = Randomness(1).draws("c", Distribution(constant="5ms"))
    assert [draws.at(0), draws.at(10**12)] == [5 * MS, 5 * MS]
    assert not hasattr(draws, "_blocks")


def test_a_very_long_law_stays_within_64_bits():
    draws = Randomness(1).draws("long", Distribution(exponential="36500d"))
    values = [draws.at(index) for index in range(2000)]
    assert max(values) == LONGEST_NS
    assert all(0 <= value <= LONGEST_NS for value in values)


# --- seed, name, index and nothing else ----------------------------------------------------------


@given(indices=st.lists(st.integers(0, 3000), min_size=1, max_size=60))
def test_random_access_is_sequential_access(indices):
    sequential = SEQUENTIAL
    draws = Randomness(11).draws("drain/office/3", LAWS["exponential"][0])
    assert [draws.at(index) for index in indices] == [sequential[index] for index in indices]


SEQUENTIAL = [
    Randomness(11).draws("drain/office/3", LAWS["exponential"][0]).at(index)
    for index in range(3001)
]


def test_streams_that_take_turns_do_not_disturb_each_other():
    randomness = Randomness(11)
    mine = randomness.draws("drain/office/3", LAWS["exponential"][0])
    others = [randomness.uniform(f"other/{n}") for n in range(3)]
    for index in range(1000):
        others[index % 3].at(index * 7)
        randomness.choice("c", 10, 3)
        assert mine.at(index) == SEQUENTIAL[index]


def test_a_draw_far_away_costs_no_more_than_its_block():
    draws = Randomness(11).uniform("far")
    assert 0 <= draws.at(10**15) < 1
    assert len(draws._blocks) == 1


def test_old_blocks_are_forgotten_and_found_again():
    draws = Randomness(11).uniform("kept")
    first = [draws.at(index * BLOCK) for index in range(50)]
    assert len(draws._blocks) == KEPT_BLOCKS
    assert [draws.at(index * BLOCK) for index in range(50)] == first


def test_an_index_below_nothing_is_an_error():
    draws = Randomness(1).uniform("x")
    for index in (-1, -BLOCK, -BLOCK - 1):
        with pytest.raises(IndexError):
            draws.at(index)


def test_a_block_is_what_numpy_draws_at_its_place():
    randomness = Randomness(11)
    key = np.frombuffer(randomness._key("drain/office/3"), dtype="<u8")
    for number in (0, 1, 5):
        source = Generator(Philox(key=key, counter=[0, number, 0, 0]))
        expected = np.rint(source.exponential(20 * MS, BLOCK)).astype(np.int64).tolist()
        assert SEQUENTIAL[number * BLOCK : (number + 1) * BLOCK] == expected


@pytest.mark.parametrize("law", [*LAWS, "between", "geometric", "fractions"])
def test_the_first_draws_of_a_stream_are_those_of_its_whole_block(law):
    """A stream begins with few draws; asked for a later one first, it begins with a block."""
    randomness = Randomness(11)

    def stream():
        if law == "between":
            return randomness.between("b", 5, 5_000_000)
        if law == "geometric":
            return randomness.geometric("g", 7.5)
        if law == "fractions":
            return randomness.uniform("u")
        return randomness.draws("d", LAWS[law][0])

    by_block, from_the_first = stream(), stream()
    last = by_block.at(BLOCK - 1)
    forwards = [from_the_first.at(index) for index in range(BLOCK)]
    assert forwards == [by_block.at(index) for index in range(BLOCK)]
    assert forwards[-1] == last
    assert [from_the_first.at(index) for index in (0, FIRST - 1, FIRST)] == [
        forwards[0],
        forwards[FIRST - 1],
        forwards[FIRST],
    ]


def test_other_seeds_and_names_give_other_streams():
    names = ["a", "b", "a/1", "a/2", "1/a", ""]
    firsts = {
        (seed, name): Randomness(seed).uniform(name).at(0) for seed in (0, 1, 11) for name in names
    }
    assert len(set(firsts.values())) == len(firsts)
    # seed 1 and name 1/a, seed 11 and name /a must not be confused
    assert Randomness(1).uniform("1/a").at(0) != Randomness(11).uniform("/a").at(0)


def test_choice_and_shuffle():
    randomness = Randomness(3)
    chosen = randomness.choice("disconnect/0", 20, 10)
    assert chosen == tuple(sorted(set(chosen)))
    assert len(chosen) == 10
    assert randomness.choice("disconnect/0", 20, 10) == chosen
    assert randomness.choice("disconnect/1", 20, 10) != chosen
    assert randomness.choice("all", 5, 5) == (0, 1, 2, 3, 4)
    assert randomness.choice("none", 5, 0) == ()
    shuffled = randomness.shuffle("s", "abcdefgh")
    assert sorted(shuffled) == list("abcdefgh")
    assert shuffled != tuple("abcdefgh")
    assert randomness.shuffle("s", "abcdefgh") == shuffled


SCRIPT = """
from simrt.scenario.model import Distribution
from simrt.scenario.randomness import Randomness
r = Randomness(42)
d = r.draws("drain/büro/3", Distribution(exponential="20ms"))
print([d.at(i) for i in (0, 5, 1000, 3)], r.uniform("u").at(9), r.choice("c", 50, 5))
"""


def run(hash_seed):
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, check=True)
    return done.stdout


def test_another_process_and_hash_seed_draw_the_same():
    assert run("0") == run("12345") != b""


def test_the_draws_of_this_version_are_known():
    """A change here changes every recorded run: say so in the changelog."""
    draws = Randomness(42).draws("drain/office/0", Distribution(exponential="20ms"))
    assert [draws.at(index) for index in (0, 1, 127, 128)] == KNOWN


KNOWN = [9532820, 878991, 6582012, 18632939]
