"""The target `server` in lockstep: a real process and real sockets, under the scenario's clock.

Clients, network and the course of a run are those of `app`; the server is a process of its own. The
harness asks it for its next timer, lets happen what comes first in the whole run, and goes on when
every byte that one side wrote was read by the other and neither has anything left to do. Sockets,
parser, processes and kills are real. The clock is the scenario's, and windows are credits: the
header of the history says *emulated*.
"""

from simrt.targets.lockstep.run import header, run

__all__ = ["header", "run"]
