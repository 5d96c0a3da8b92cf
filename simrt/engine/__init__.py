"""The channel engine."""

from simrt.engine.channel import Channel
from simrt.engine.errors import (
    ChannelLimitError,
    EngineError,
    EpochError,
    EventError,
    InvalidNameError,
    OptionError,
    OptionsConflictError,
    TakeLimitError,
    TimeError,
)
from simrt.engine.hub import Hub
from simrt.engine.message import EncodedEvent, Fate, Message, Receipt, encode_event
from simrt.engine.options import ChannelOptions, OnFull, ReplayOptions
from simrt.engine.project import Project
from simrt.engine.state import OnFate, OnReady
from simrt.engine.subscription import Subscription

__all__ = [
    "Channel",
    "ChannelLimitError",
    "ChannelOptions",
    "EncodedEvent",
    "EngineError",
    "EpochError",
    "EventError",
    "Fate",
    "Hub",
    "InvalidNameError",
    "Message",
    "OnFate",
    "OnFull",
    "OnReady",
    "OptionError",
    "OptionsConflictError",
    "Project",
    "Receipt",
    "ReplayOptions",
    "Subscription",
    "TakeLimitError",
    "TimeError",
    "encode_event",
]
