"""Options, their ranges, what was written and what was not: OPT-1 to OPT-5."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from simrt.engine import ChannelOptions, OptionError, ReplayOptions


@pytest.mark.rules("OPT-1", "OPT-2")
def test_each_option_stands_where_it_belongs_and_is_spelled_as_python_spells() -> None:
    values = [field.name for field in dataclasses.fields(ChannelOptions) if field.compare]
    assert values == ["buffer_size", "on_full", "message_ttl_ns"]
    values = [field.name for field in dataclasses.fields(ReplayOptions) if field.compare]
    assert values == ["last_n", "max_age_ns"]


@pytest.mark.rules("OPT-1")
def test_the_defaults_are_those_of_the_table() -> None:
    options, replay = ChannelOptions(), ReplayOptions()
    assert options.buffer_size == 64
    assert options.on_full == "drop-oldest"
    assert options.message_ttl_ns is replay.last_n is replay.max_age_ns is None


@pytest.mark.rules("OPT-3", "OPT-5")
def test_what_was_written_is_decided_none_included() -> None:
    assert ChannelOptions().undecided == ("buffer_size", "on_full", "message_ttl_ns")
    written = ChannelOptions(message_ttl_ns=None, buffer_size=64)
    assert written.decided == ("buffer_size", "message_ttl_ns")
    assert written.undecided == ("on_full",)
    assert ChannelOptions(on_full="drop-newest").decided == ("on_full",)
    assert ReplayOptions().undecided == ("last_n", "max_age_ns")
    assert ReplayOptions(last_n=None).undecided == ("max_age_ns",)
    assert ReplayOptions(max_age_ns=None).decided == ("max_age_ns",)
    assert ReplayOptions(last_n=0, max_age_ns=1).undecided == ()


@pytest.mark.rules("CHN-2", "OPT-5")
def test_values_make_options_equal_whether_written_or_not() -> None:
    assert ChannelOptions() == ChannelOptions(buffer_size=64, message_ttl_ns=None)
    assert hash(ChannelOptions()) == hash(ChannelOptions(on_full="drop-oldest"))
    assert ChannelOptions() != ChannelOptions(buffer_size=63)
    assert ReplayOptions() == ReplayOptions(last_n=None)
    assert ReplayOptions() != ReplayOptions(last_n=0)


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "2", None])
def test_a_buffer_size_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"buffer_size \(bufferSize.*1 or more; got .*OPT-4"):
        ChannelOptions(buffer_size=value)


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("value", ["drop", "DROP-OLDEST", None, 0, True, []])
def test_a_policy_that_does_not_exist_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"on_full \(onFull\).*'drop-oldest' or 'drop-newest'"):
        ChannelOptions(on_full=value)


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("value", [0, -1, True, 1.0, "2s"])
def test_a_duration_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"message_ttl_ns \(messageTTL.*1 or more, or None"):
        ChannelOptions(message_ttl_ns=value)
    with pytest.raises(OptionError, match=r"max_age_ns \(maxAge.*1 or more, or None"):
        ReplayOptions(max_age_ns=value)


@pytest.mark.rules("OPT-4")
@pytest.mark.parametrize("value", [-1, False, 1.0, "2"])
def test_a_replay_length_out_of_range_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match=r"last_n \(lastN.*0 or more, or None; got "):
        ReplayOptions(last_n=value)


@pytest.mark.rules("OPT-4")
def test_the_smallest_and_very_large_values_are_accepted() -> None:
    least = ChannelOptions(buffer_size=1, message_ttl_ns=1)
    assert (least.buffer_size, least.message_ttl_ns) == (1, 1)
    assert ReplayOptions(last_n=0, max_age_ns=1).last_n == 0
    assert ChannelOptions(buffer_size=10**12).buffer_size == 10**12


def test_options_are_facts_they_cannot_be_changed_and_can_be_copied() -> None:
    options = ChannelOptions(buffer_size=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.buffer_size = 3  # type: ignore[misc]
    for same in (copy.deepcopy(options), pickle.loads(pickle.dumps(options))):
        assert same == options
        assert same.decided == ("buffer_size",)
