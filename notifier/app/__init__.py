"""The daemon as a whole: `assembly` builds every part, `daemon` starts and stops them, `takeover` exchanges them.

`at_work` runs them, `timetable` says what happens because time passed.
"""

from notifier.app.assembly import Machine, build_metrics
from notifier.app.daemon import App

__all__ = ["App", "Machine", "build_metrics"]
