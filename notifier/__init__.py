"""Notifier: complaints become one right message to everyone affected."""

__version__ = "0.1.0"
