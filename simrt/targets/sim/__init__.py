"""The simulator: the engine with the modelled network and clients, on an event scheduler.

`docs/semantics.md` lists the rules NET-1 to NET-9 that this target implements exactly.
"""

from simrt.targets.sim.run import Simulation, header, run

__all__ = ["Simulation", "header", "run"]
