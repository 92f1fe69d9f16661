"""The delivery loop: claim, render, send, record, drain. One lane for each channel that has a provider.

`Worker` runs the lanes, a `Lane` is one provider at work, its `Books` are what it must still tell the store. What the
deadline of a stop cuts off stays `sending` in the store: the next daemon finds it in doubt.
"""

from notifier.worker.worker import Lanes, Worker

__all__ = ["Lanes", "Worker"]
