"""The target `server`: the real server in a process of its own, real clients over TCP.

File by file: `run` is the target's interface (signals, the merged history), `conduct` the course of
one run, `faults` what goes wrong in it, `process` one life of the server, `calls` the callers of
hooks, `credentials` what they and the clients show, `members` the clients and their rows, `probes`
the look at the endpoint's permission, `calibrate` the window that the kernel really has, `merge`
the history from its parts.
"""

from simrt.targets.server.run import run

__all__ = ["run"]
