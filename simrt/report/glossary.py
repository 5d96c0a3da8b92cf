"""The words of a report, each in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simrt.report.palette import OUTCOMES, RING

_OUTDATED = (
    "Something newer was sent than what is on screen. While nothing is sent, nothing gets "
    "outdated, but staleness grows, which no setting can mend."
)

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("event", "One piece of news that the site sends, such as “this page was updated”."),
    ("subscriber, client", "One user's page that listens."),
    ("group", "Clients of one kind: equally fast, equally far away, equally often offline."),
    ("missed", "Sent while the client belonged to the channel, and never received. A loss."),
    ("dropped", "What a full buffer does. A dropped event can still come later by replay."),
    *((look.label, look.meaning) for look in (*OUTCOMES, RING)),
    ("buffer", "Where events wait on the server for one slow client; bufferSize is its length."),
    ("window, network", "Events already on their way to a client; no setting can drop them."),
    ("replay", "Earlier events that a client gets when it connects, as lastN and maxAge allow."),
    ("staleness", "Age of what is on screen: now minus the time of sending of the newest event."),
    ("outdated", _OUTDATED),
    ("delay", "From the sending of an event to its arrival."),
    ("current again", "The client has the newest event that was sent."),
    ("fit", "Whether channels are the right tool: good, weak, wrong abstraction, or undecided."),
    ("sim", "The simulator: the real channel engine, a modelled network and modelled clients."),
    ("app", "The real server and real clients in one process, in virtual time."),
    ("server", "The real server with real connections."),
    ("seed", "The number that fixes everything random in a run, so that it can be repeated."),
    ("95 % interval", "Where the true mean lies in 19 of 20 such series of runs."),
    ("inconclusive", "It was asked for, but this run cannot tell; never the same as passed."),
    ("not applicable", "The scenario declares nothing of the kind; shown, never counted."),
)  # fmt: skip

# What is neither text nor seen: figures say in a table what they say in marks.
_UNREAD = re.compile(r"<pre.*?</pre>|<[^>]*>", re.DOTALL)


def said_in(words: Sequence[tuple[str, str]], page: str) -> list[tuple[str, str]]:
    """Those words that a page uses; what it does not speak of needs no meaning.

    Arguments:
        words: each with its meaning; several names of one thing are separated by commas.
        page: HTML.
    """
    text = " ".join(_UNREAD.sub(" ", page).replace("\N{NO-BREAK SPACE}", " ").lower().split())
    return [
        (name, meaning)
        for name, meaning in words
        if any(re.search(rf"\b{re.escape(one)}", text) for one in name.split(", "))
    ]
