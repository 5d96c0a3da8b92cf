"""What the engine refuses: each error names the rule it enforces and says what to do instead."""

from typing import ClassVar, Final

MAX_SHOWN: Final = 80
"""Most characters of a refused value in the text of an error."""


class EngineError(ValueError):
    """A call that the rules refuse. It changed nothing and did not advance time.

    Attributes:
        rule: id of the rule in ``docs/semantics.md`` that the refused call breaks.
    """

    rule: ClassVar[str] = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} [{self.rule}]" if self.rule else text


def shown(value: object) -> str:
    """Write a value into an error: short, and whatever its own ``repr`` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 (any object may come here, and an error must come out)
        return f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


class EpochError(EngineError):
    """An epoch of the wrong form, or one that this hub has just used."""

    rule = "HUB-2"


class TimeError(EngineError):
    """A time that is not an integer, or that lies before the last one given to this hub."""

    rule = "HUB-3"


class OptionError(EngineError):
    """An option value out of its range."""

    rule = "OPT-4"


class OptionsConflictError(EngineError):
    """Options other than those that the channel is already bound to."""

    rule = "CHN-2"


class InvalidNameError(EngineError):
    """A project or channel name of the wrong form."""

    rule = "CHN-5"


class ChannelLimitError(EngineError):
    """One channel more than a project may have."""

    rule = "CHN-5"


class EventError(EngineError):
    """An event that cannot be sent: its type or its data is not allowed."""

    rule = "PUB-3"


class TakeLimitError(EngineError):
    """A take of fewer than one message."""

    rule = "DLV-1"
