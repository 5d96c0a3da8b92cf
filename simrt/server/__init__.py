"""The SSE server: streams, hooks, jobs, permissions, limits."""

from simrt.clock import live_clock
from simrt.engine import ChannelOptions, ReplayOptions
from simrt.server.access import Secrets
from simrt.server.call import Call, Rejected, Sent
from simrt.server.compiled import compile_site
from simrt.server.mounted import Mounted
from simrt.server.recorder import Recorder, Recording
from simrt.server.server import Server
from simrt.server.serving import bind, serve
from simrt.server.settings import Limits, StreamSettings
from simrt.server.site import Site

__all__ = [
    "Call",
    "ChannelOptions",
    "Limits",
    "Mounted",
    "Recorder",
    "Recording",
    "Rejected",
    "ReplayOptions",
    "Secrets",
    "Sent",
    "Server",
    "Site",
    "StreamSettings",
    "bind",
    "compile_site",
    "live_clock",
    "serve",
]
