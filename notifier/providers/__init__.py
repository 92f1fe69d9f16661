"""Carriers of messages: one module each, behind one Protocol, found by their kind.

A provider gets ready bytes and an envelope and says what became of them. It knows no customer, no incident and no
database, and it never raises for anything a carrier can do: every failure is an `Outcome`. A message that waits inside
a provider, for a connection or its turn, has not begun and can be called back.
"""

from notifier.providers.registry import Asked, CannotTell, Found, Message, Provider, Recalled, create

__all__ = ["Asked", "CannotTell", "Found", "Message", "Provider", "Recalled", "create"]
