"""`notifier check --online`: the servers and names that messages depend on, asked now.

Each check yields findings: what was looked at, how it is, and what to do where it is not well. None of them sends a
message or changes anything, and each has its time.
"""

from notifier.cli.online.finding import Finding, State
from notifier.cli.online.run import examine_online

__all__ = ["Finding", "State", "examine_online"]
