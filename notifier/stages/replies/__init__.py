"""Replies: what customers write back, and what follows from it.

taking_in  a text is stored once; STOP and START hold when it is answered
handling   everything else that follows, from what is stored
personal   the newest facts for one customer who wrote or complained
reporters  the same for complaints that came in by the API, in the order in which they were stored
"""

from collections.abc import Mapping

from notifier.domain.mail_effect import MailEffect
from notifier.domain.reply import Reader, ReplyWords
from notifier.stages import Surroundings
from notifier.stages.replies.handling import Handling, Submit
from notifier.stages.replies.personal import Personal
from notifier.stages.replies.reporters import Reporters
from notifier.stages.replies.taking_in import Inbound, Letter, Replies, Words

__all__ = ["Inbound", "Inbox"]


class Inbox:
    """Everything that customers write ends up here."""

    def __init__(
        self,
        around: Surroundings,
        words: Mapping[str, ReplyWords],
        consents: Words,
        submit: Submit,
        link_secret: str,
    ) -> None:
        """Build the parts; `words` are those customers may answer with, by locale."""
        reader = Reader(words, tuple(service.name for service in around.config.services))
        personal = Personal(around.config, around.playbooks)
        self.reader = reader
        self._replies = Replies(around, reader, consents, link_secret)
        self._handling = Handling(around, reader, personal, submit)
        self._reporters = Reporters(around, personal)

    async def take(self, inbound: Inbound) -> bool:
        """Store what somebody wrote; a STOP holds when this returns. Returns False when it is known."""
        return await self._replies.take(inbound)

    async def by_mail(self, letter: Letter, /) -> MailEffect:
        """Take a person's mail, once; return what is done with it."""
        return await self._replies.by_mail(letter)

    async def note(self, inbound: Inbound) -> bool:
        """Store that somebody of the company answered, without the words; return False when it is known."""
        return await self._replies.note(inbound)

    async def handle(self) -> bool:
        """Do what follows from some of what is stored; return whether there may be more."""
        return await self._handling.step()

    async def tell_reporters(self) -> None:
        """Tell some of those who complained what is known."""
        await self._reporters.step()
