"""The target `server`: the real server in a process of its own, real clients over TCP.

What is real is as it is: the loopback has no `latency`, and a window in messages is what the kernel
makes of it (measured, in the header). Times mean no more than the header's resolution: lateness of
timers, 99th percentile, times speed.

File by file: `run` is the target's interface (signals, open files, the merged history), `conduct`
one run, `port` what its course does to processes, `process` one server process and
`lives` one after another, `punctuality` whether calls were made in time, `pace` at which speed a
machine carries it, `wire` networks that fall
silent, `namespace` one in which the kernel loses packets, `probes` the look at the endpoint's
permission, `calibrate` the window that the kernel has, `record` what is written while it runs,
`merge` the history from its parts.
"""

from simrt.targets.server.run import expected_s, run

__all__ = ["expected_s", "run"]
