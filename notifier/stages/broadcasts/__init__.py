"""Broadcasts: from a draft to the last message.

Comes in: a draft, and the number of customers a person has typed. Goes out: an authorised broadcast that planning and
delivery work on. `Broadcasts` is what people do, `Course` what time does. Nothing is claimed before it has started;
until then any key takes it back without a trace for customers.
"""

from notifier.stages.broadcasts.course import Course
from notifier.stages.broadcasts.decisions import Broadcasts

__all__ = ["Broadcasts", "Course"]
