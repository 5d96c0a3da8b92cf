"""The target `app`: the real server and the real client in one process, in virtual time.

Only clock, loop and transport are made here. `loop` is an event loop whose time jumps, `network`
what it offers instead of sockets, `link` one client's connection with its latency and its window,
`wire` one client's network, which can fall silent. `lives` are servers one after another, `members`
the clients, `run` one run and what its course does to it.

The network is that of the rules NET-1 to NET-9, as in the simulator, of which nothing is used
here: the two are witnesses of each other.
"""

from simrt.targets.app.run import header, run

__all__ = ["header", "run"]
