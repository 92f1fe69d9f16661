"""Replies: what customers write back, and what follows from it.

taking_in  a text is stored once; STOP and START hold when it is answered
handling   everything else that follows, from what is stored
personal   the newest facts for one customer who wrote or complained
reporters  the same for complaints that came in by the API, in the order in which they were stored
"""

from notifier.stages.replies.handling import Handling
from notifier.stages.replies.personal import Personal
from notifier.stages.replies.reporters import Reporters
from notifier.stages.replies.taking_in import Inbound, Replies, Words

__all__ = ["Handling", "Inbound", "Personal", "Replies", "Reporters", "Words"]
