"""Corners of the words of expectations; the rest is tested with the metrics that they judge."""

from simrt.checkers.told import digits_of


def test_as_many_digits_as_it_takes_to_tell_a_value_from_its_bound():
    assert digits_of("s", 2.0, 2.0) == 2
    assert digits_of("s", 2.04, 2.0) == 3
    assert digits_of("s", 0.1 + 0.2, 0.3) == 17
