"""Every answer says what time it is for the daemon, and in which zone its people live."""

from datetime import datetime, timedelta

from tests.served import Served


async def test_every_answer_carries_the_daemons_clock_and_zone(served: Served) -> None:
    for path, role in (("/healthz", None), ("/v1/status", "viewer"), ("/nowhere", None)):
        answer = await served.get(path, role=role)
        shown = datetime.fromisoformat(answer.headers["Notifier-Now"])
        assert abs(shown - served.machine.parts.clock.now()) < timedelta(seconds=30)
        assert answer.headers["Notifier-Time-Zone"] == served.machine.parts.config.regions.time_zone
