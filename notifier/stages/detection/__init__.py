"""The detection stage: complaints are read from the store as they come, and anomalous cells open suspected incidents.

stream      the next complaints are decided and saved with the position; the loop, the nights, the beginning
counts      what the store knows of the past, as decisions ask for it
saving      what a look at the stream has decided becomes true in one transaction
attaching   which incident evidence belongs to, or that it opens one
rebuilding  the state in memory is made again from the store
explaining  why a cell or an incident is what the detector says, for people
moments     a cell as it was at an instant, made again from what is stored
people      what people are shown, and suspicions that went quiet

What is decided, and how, is `notifier.domain.surveillance`: a backtest runs the same.
"""

from notifier.stages.detection.explaining import Explaining
from notifier.stages.detection.stream import Detection
from notifier.storage.views import CellScore

__all__ = ["CellScore", "Detection", "Explaining"]
