"""The course of a run: who calls, when the network of a subscriber goes, what fails and heals.

Written once for all targets. A target implements `Port` and, for each subscriber, `Subscriber`;
`Course` tells them what happens and when. The order of simultaneous events is that of NET-9.
"""

from simrt.course.course import Course
from simrt.course.port import Port, Subscriber
from simrt.course.ranks import END_OF_WORKLOAD, ranks_of
from simrt.course.virtual import play_out

__all__ = ["END_OF_WORKLOAD", "Course", "Port", "Subscriber", "play_out", "ranks_of"]
