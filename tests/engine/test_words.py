"""What a refusal says, word for word: what is allowed, what was got, and which rule says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simrt.engine import (
    ChannelOptions,
    EncodedEvent,
    EngineError,
    Hub,
    ReplayOptions,
    Variants,
    encode_event,
)

Refused = Callable[[Any, Any, Any], Any]

NAMED = "is named by 1 to 200 bytes of UTF-8 without control characters"
EPOCH = "an epoch is 1 to 64 of the characters A-Z a-z 0-9 _ and -"
BACK = (
    "now must not decrease: this hub has seen 10, got 9; read the clock and call in one step"
    " [HUB-3]"
)
NO_TIME = "now must be an integer number of nanoseconds; got 10.0 [HUB-3]"
FULL = (
    "project 'shop' has its 1 channels already; channel 'more' would be one more: use fewer names,"
    " or raise max_channels [CHN-5]"
)
AT_LEAST = "must be an integer, 1 or more"


class Mute:
    """Cannot even be written down."""

    def __repr__(self) -> str:
        raise OSError


class Liar(list[Any]):
    """Says that it equals nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None


# Each is called with a hub that has seen time 10, its one channel `news` and a subscription to it.
REFUSED: dict[str, list[tuple[Refused, str]]] = {
    "time": [
        (lambda _, news, __: news.send("e", 1, 9), BACK),
        (lambda _, news, __: news.send_encoded(EncodedEvent("e", b"1"), 9), BACK),
        (lambda _, news, __: news.subscribe(now=9), BACK),
        (lambda _, __, sub: sub.take(9, 1), BACK),
        (lambda _, __, sub: sub.close(9), BACK),
        (lambda hub, _, __: hub.forget(9), BACK),
        (lambda hub, _, __: hub.restart("a2", 9), BACK),
        (lambda _, news, __: news.send("e", 1, 10.0), NO_TIME),
        (lambda _, news, __: news.send_encoded(EncodedEvent("e", b"1"), 10.0), NO_TIME),
        (lambda _, news, __: news.subscribe(now=10.0), NO_TIME),
        (lambda _, __, sub: sub.take(10.0, 1), NO_TIME),
        (lambda _, __, sub: sub.close(10.0), NO_TIME),
        (lambda hub, _, __: hub.forget(10.0), NO_TIME),
        (lambda hub, _, __: hub.restart("a2", 10.0), NO_TIME),
    ],
    "epoch": [
        (lambda *_: Hub("a 1"), f"{EPOCH}; got 'a 1' [HUB-2]"),
        (lambda *_: Hub(Mute()), f"{EPOCH}; got a Mute [HUB-2]"),
        (lambda hub, *_: hub.restart("", 10), f"{EPOCH}; got '' [HUB-2]"),
        (
            lambda hub, *_: hub.restart("a1", 10),
            "epoch 'a1' was just in use; a restart needs a new one [HUB-2]",
        ),
    ],
    "name": [
        (lambda hub, *_: hub.project(7), f"a project {NAMED}; got 7 [CHN-5]"),
        # What is too long to be shown is cut after 80 characters.
        (
            lambda hub, *_: hub.project(b"x" * 77),
            f"a project {NAMED}; got b'{'x' * 77}' [CHN-5]",
        ),
        (
            lambda hub, *_: hub.project(b"x" * 78),
            f"a project {NAMED}; got b'{'x' * 78}… [CHN-5]",
        ),
        (lambda hub, *_: hub.project(""), f"a project {NAMED}; got '' of 0 bytes [CHN-5]"),
        (
            lambda hub, *_: hub.project("é" * 101),
            f"a project {NAMED}; got '{'é' * 79}… of 202 bytes [CHN-5]",
        ),
        (
            lambda hub, *_: hub.project("shop").channel("a\n"),
            f"a channel {NAMED}; got 'a\\n' of 2 bytes [CHN-5]",
        ),
        (
            lambda hub, *_: hub.project("shop").channel("\ud800"),
            f"a channel {NAMED}; got '\\ud800', which has no UTF-8 form [CHN-5]",
        ),
    ],
    "channels": [
        (lambda hub, *_: hub.project("shop").channel("more", ChannelOptions()), FULL),
        (lambda hub, *_: hub.project("shop").channel("more").send("e", 1, 10), FULL),
        (
            lambda hub, *_: hub.project("shop").channel("news", ChannelOptions(buffer_size=3)),
            (
                "channel 'news' of project 'shop' has ChannelOptions(buffer_size=2,"
                " on_full='drop-oldest', message_ttl_ns=None); it cannot have"
                " ChannelOptions(buffer_size=3, on_full='drop-oldest', message_ttl_ns=None)"
                " before a restart [CHN-2]"
            ),
        ),
    ],
    "event": [
        (
            lambda _, news, __: news.send("", 1, 10),
            "an event needs a type: text that is not empty; got '' [PUB-3]",
        ),
        (
            lambda _, news, __: news.send("a\nb", 1, 10),
            (
                "the type of an event must be one line of Unicode text without NUL; got 'a\\nb'"
                " [PUB-3]"
            ),
        ),
        (
            lambda _, news, __: news.send("e", "ééé", 10),
            "data must be at most 7 bytes of compact JSON; got 8 [PUB-3]",
        ),
        (
            lambda _, news, __: news.send_encoded(encode_event("e", "ééé"), 10),
            "data must be at most 7 bytes of compact JSON; got 8 [PUB-3]",
        ),
        (
            lambda *_: encode_event("e", "\ud800"),
            "data must not hold lone surrogates: they have no UTF-8 form [PUB-3]",
        ),
        (
            lambda *_: encode_event("e", {"k": [1, (2,)]}),
            "data['k'][1] must be a list, not a tuple [PUB-3]",
        ),
        (
            lambda *_: encode_event("e", [float("nan"), ()]),
            "data[0] must be a finite number; got nan [PUB-3]",
        ),
        (
            lambda *_: encode_event("e", Liar([1])),
            "data must be JSON (RFC 8259): it reads back as something else [PUB-3]",
        ),
        (lambda *_: encode_event("e", {7: 1}), "data must have text keys; got 7 [PUB-3]"),
        (
            lambda *_: encode_event("e", [None, True, 2, 1.5, "x", Mute()]),
            "data[5] must be JSON (RFC 8259); got Mute [PUB-3]",
        ),
    ],
    "option": [
        (
            lambda *_: ChannelOptions(buffer_size=0),
            f"buffer_size (bufferSize, messages) {AT_LEAST}; got 0 [OPT-4]",
        ),
        (
            lambda *_: ChannelOptions(on_full="block"),  # type: ignore[arg-type]
            "on_full (onFull) must be 'drop-oldest' or 'drop-newest'; got 'block' [OPT-4]",
        ),
        (
            lambda *_: ChannelOptions(message_ttl_ns=0),
            f"message_ttl_ns (messageTTL, nanoseconds) {AT_LEAST}, or None; got 0 [OPT-4]",
        ),
        (
            lambda *_: ReplayOptions(last_n=-1),
            "last_n (lastN, messages) must be an integer, 0 or more, or None; got -1 [OPT-4]",
        ),
        (
            lambda *_: ReplayOptions(max_age_ns=0),
            f"max_age_ns (maxAge, nanoseconds) {AT_LEAST}, or None; got 0 [OPT-4]",
        ),
        (
            lambda *_: Variants(resume="yes"),  # type: ignore[arg-type]
            "resume must be 'none' or 'last-event-id'; got 'yes' [OPT-4]",
        ),
        (
            lambda *_: Hub("a1", variants="resume"),  # type: ignore[arg-type]
            "variants must be Variants or None; got 'resume' [OPT-4]",
        ),
        (
            lambda *_: Hub("a1", max_event_bytes=0),
            f"max_event_bytes (maxEventBytes, bytes) {AT_LEAST}; got 0 [OPT-4]",
        ),
        (
            lambda *_: Hub("a1", max_channels=0),
            f"max_channels (channels per project) {AT_LEAST}; got 0 [OPT-4]",
        ),
        (
            lambda hub, *_: hub.project("shop").channel("news", 3),
            "options must be ChannelOptions or None; got 3 [OPT-4]",
        ),
        (
            lambda _, news, __: news.subscribe(5, now=10),
            "replay must be ReplayOptions or None; got 5 [OPT-4]",
        ),
        (
            lambda _, __, sub: sub.take(10, 0),
            "limit must be an integer, 1 or more; got 0 [DLV-1]",
        ),
    ],
}


@pytest.mark.rules("HUB-2", "HUB-3", "CHN-2", "CHN-5", "PUB-3", "OPT-4", "DLV-1")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(call, words, id=f"{what}-{number}")
        for what, calls in REFUSED.items()
        for number, (call, words) in enumerate(calls)
    ],
)
def test_a_refusal_says_what_is_allowed_what_was_got_and_which_rule(
    call: Refused, words: str
) -> None:
    hub = Hub("a1", max_event_bytes=7, max_channels=1)
    news = hub.project("shop").channel("news", ChannelOptions(buffer_size=2))
    sub = news.subscribe(now=10)
    with pytest.raises(EngineError) as caught:
        call(hub, news, sub)
    assert str(caught.value) == words
