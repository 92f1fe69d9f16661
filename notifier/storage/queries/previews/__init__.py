"""Previews: what a draft would do, for whoever decides on it. They read only.

`outlook` is what they need besides the store, `counts` counts the audience, `samples` writes a few messages, and
`preview` puts it together.
"""

from notifier.storage.queries.previews.outlook import Outlook, Words, outlook
from notifier.storage.queries.previews.preview import preview, scope_of

__all__ = ["Outlook", "Words", "outlook", "preview", "scope_of"]
