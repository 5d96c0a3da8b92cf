"""The figures of a report: functions of stories, one drawing a target, all on the same axes."""
