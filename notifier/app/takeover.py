"""Going over to other settings: a machine built by them takes the place of the one that works.

A restart that nobody notices. The store, the keys in memory, metrics, queue and sockets stay; the old parts end their
work first, and answer the requests that they have begun to answer. The new ones begin as a start would.
"""

from collections.abc import Awaitable, Callable, Mapping

from notifier import logs
from notifier.app.assembly import Machine
from notifier.app.at_work import Ending, Work
from notifier.config import Config
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.web.listener import Listener
from notifier.web.lmtp import LmtpListener
from notifier.web.server import build_app

Build = Callable[[Config, Mapping[str, Playbook]], Awaitable[Machine]]


class Takeover:
    """Keeps what works now, and exchanges it."""

    def __init__(
        self,
        work: Work,
        build: Build,
        *,
        ending: Ending,
        queue: EmbeddedQueue,
        metrics: Metrics,
        public: Listener,
        lmtp: LmtpListener | None,
        renewed: Callable[[], None],
    ) -> None:
        """Keep what stays; `renewed` is called after each exchange."""
        self.work, self._build, self._ending = work, build, ending
        self._queue, self._metrics = queue, metrics
        self._public, self._lmtp = public, lmtp
        self._renewed = renewed

    async def take_up(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Build every part anew by other settings, and let those take over; what cannot be built changes nothing."""
        before, asked = self.work, self._queue.asked()
        machine = await self._build(config, playbooks)
        try:
            await before.end()
            self._queue.forget(asked)
            self.work = Work(machine, self._ending)
            await self.work.begin()
            if self._lmtp is not None:
                self._lmtp.reports = machine.parts.mail_reports
            await self._public.switch(build_app(machine.parts), then=before.close)
        except BaseException:  # half taken up: only a new start can tell what is true
            self._ending.fail()
            raise
        logs.configure(config.log)
        was = before.machine.parts.config
        for name in {each.name for each in was.providers} - {each.name for each in config.providers}:
            self._metrics.provider_up.remove(name)  # an alarm about it would never end
        self._renewed()

    async def end_work(self) -> None:
        """Finish what the machine has begun that works now."""
        await self.work.end()

    async def close(self) -> None:
        """Hang up what the machine still holds that worked last."""
        await self.work.close()
