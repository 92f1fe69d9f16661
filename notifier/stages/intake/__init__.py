"""The intake stage: a complaint is checked, its reporter found in the directory, and stored once.

taking_in  what comes in is checked, gathered into groups and answered after the commit
storing    one group in one transaction: who and where, what it counts for
"""

from notifier.stages.intake.storing import Accepted
from notifier.stages.intake.taking_in import ComplaintRequest, Intake

__all__ = ["Accepted", "ComplaintRequest", "Intake"]
