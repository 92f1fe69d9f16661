"""What customers said about being written to: opt-outs, consent per purpose, and their own preferences.

`Consents` notes a word, whoever brings it: a link, a text, a mail, the preference page, an agent. `OwnPreferences` is
behind the page. What is noted here is found by the very next claim.
"""

from notifier.stages.consents.consents import Consents, Sources
from notifier.stages.consents.own_preferences import OwnPreferences, Saved

__all__ = ["Consents", "OwnPreferences", "Saved", "Sources"]
