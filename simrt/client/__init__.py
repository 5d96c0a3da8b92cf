"""An event-stream client that connects, reads and reconnects as browsers do (CLI-1 to CLI-3).

Theory of operation. A `Client` is one subscriber over many connections. Each attempt makes a
`Connection`: one HTTP exchange on a transport, which turns bytes into parts (the head, events,
`retry`, the end) and knows nothing else. The client handles one event at a time and reads no more
while events wait, so what a slow client has not handled stays in the kernel and, behind it, in the
server's queue. What happens is told to an `Observer`.

Time comes from a `simrt.clock.Clock`, timers and connections from the running event loop: on
another loop the same client runs in other time, over another network.
"""

from simrt.client.client import Client
from simrt.client.connection import Connection, Head
from simrt.client.dial import Dial, tcp
from simrt.client.endpoint import Endpoint
from simrt.client.observer import Observer
from simrt.client.reconnect import Reconnect

__all__ = ["Client", "Connection", "Dial", "Endpoint", "Head", "Observer", "Reconnect", "tcp"]
