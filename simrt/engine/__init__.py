"""The channel engine: what the rules HUB to ACC of docs/semantics.md say, and nothing else.

No clock, no thread, no event loop, no randomness, no I/O; the standard library only. The caller
passes time in as ``now``, an integer number of nanoseconds, and calls from one place at a time::

    hub = Hub(epoch="a1")
    options = ChannelOptions(buffer_size=2, on_full="drop-oldest", message_ttl_ns=5_000_000_000)
    news = hub.project("shop").channel("news", options)
    sub = news.subscribe(ReplayOptions(last_n=5), now=0)
    sent = news.send("content-updated", {"id": "7"}, now=10)
    for message in sub.take(now=10, limit=100):
        print(message.seq, message.event, message.data)
    sub.close(now=11)
    print(sub.fates)

How it works
============

**One ring for all.** A channel keeps its newest ``bufferSize`` messages in a ring: that is the
history (HIS-1). A subscription has no list of its own. It has a *cursor*: the ``seq`` up to which
everything is settled. What is pending for it is what the ring holds after the cursor. So a send
writes one message into one place and is done, however many subscribe (BUF-4), and the bytes of a
message exist once (BUF-5).

Times never decrease with ``seq`` (HUB-3, PUB-1). Hence what has expired stands before what has
not, both in the ring and in a pending queue, and a replay is always the end of the history:
``lastN``, ``maxAge`` and ``messageTTL`` each cut off its beginning (REP-2). To subscribe is to set
a cursor.

**drop-oldest** (BUF-2) is free. Ring and pending queue have the same capacity, so the ring loses
a message at the very send at which the queue of somebody who is behind drops it. How many were
dropped is how far the cursor lies behind the ring, and is worked out when somebody reads the
counts or takes.

**drop-newest** (BUF-3) needs two more facts. A queue that is not full becomes full at a known
``seq``: the cursor, plus the room it has. The channel files its queues under that number
(``watched``), and the send of that ``seq`` looks at those only. If takes have made room since, the
queue is filed again further on. Otherwise it is full: it keeps references to what is pending
(``held``; one shared tuple for all that stand at one position), because the ring will move on
without it, and sets its cursor there. Whatever comes after the cursor is refused, which costs
nothing until the next take makes room and counts it. Each filing is paid for by the take or the
subscribe before it, so a send stays constant on average, and with full queues it does nothing at
all.

**Counts** are settled late and never seen late (PUB-4): each reader adds what is not yet settled.
They add up to what was offered at any time (ACC-1). With ``on_fate`` set, a send lists its full
queues first, and reports their drops when it is complete: work for each subscription, which a
recorder does anyway.

**Readiness** (HUB-4). A channel keeps the subscriptions with nothing pending (*idle*) apart from
those that got something since (*roused*). A send makes all idle ones roused: the two sets change
places. Those that were roused before are not looked at.

The driver's contract
=====================

1. ``on_ready(channel)`` is called when a channel's roused set goes from empty to not empty, by a
   send, or by a subscribe with a replay (then before that subscribe returns). The change is
   complete by then: the driver may call the hub at once, or later.
2. `Channel.collect_ready` hands over the roused subscriptions, in order of birth. Who missed the
   call finds the channel in `Hub.ready_channels`, in order of becoming ready.
3. From there each is the driver's: it takes while its connection can accept, and comes back by
   itself when the connection can accept again. It is handed over anew only after a take has left
   it with nothing pending.
4. A subscription that is taken from before it was collected, and has nothing left, is not handed
   over. A closed one neither.

What is where
=============

``hub``, ``project``, ``channel``, ``subscription``, ``options``, ``message``, ``errors`` are the
public names. Behind them: ``state`` (the memory of a hub, options and limits), ``channel_state``
(ring, readiness), ``queues`` (cursors and counts, one class for each value of ``onFull``).

A variant of the rules is a field of `Variants`, off by default. Built: ``resume``, another start of
a replay (``ChannelState.resume_start``). The others have their places: another default for replay
is another start in ``ChannelState.replay_start``; another way to treat a full queue is another
class in ``queues.POLICIES``; what expiry acts on is decided in ``PendingQueue.take``.

Wrong calls raise an `EngineError` that cites its rule; such a call has changed nothing and has not
advanced time.
"""

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
from simrt.engine.message import EncodedEvent, Fate, Message, encode_event
from simrt.engine.options import ChannelOptions, OnFull, ReplayOptions, Resume, Variants
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
    "ReplayOptions",
    "Resume",
    "Subscription",
    "TakeLimitError",
    "TimeError",
    "Variants",
    "encode_event",
]
