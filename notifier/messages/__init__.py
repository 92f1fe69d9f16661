"""What customers read: phrases, templates and their rendering, MIME and signed links.

Facts come in, texts go out; nothing here knows a customer's name, sends anything or reads the store.
"""

from notifier.messages.render import Messages
from notifier.messages.wording import Rendered, RenderFailed

__all__ = ["Messages", "RenderFailed", "Rendered"]
