"""The file provider on a real folder."""

import asyncio
from datetime import timedelta
from pathlib import Path

from notifier.config import Provider, ProviderKind
from notifier.domain.delivery import Result
from notifier.messages.mime import Mail
from notifier.providers import Recalled
from notifier.providers.file import FileProvider


async def test_a_message_that_waits_for_the_disk_can_be_called_back(tmp_path: Path) -> None:
    provider = FileProvider(
        Provider(name="outbox", kind=ProviderKind.FILE, directory=str(tmp_path), timeout=timedelta(seconds=5))
    )
    await provider.open()
    going, recalled = asyncio.Event(), asyncio.Event()
    sends = [asyncio.create_task(provider.send(mail(number), event)) for number, event in ((1, going), (2, recalled))]
    recalled.set()
    written, called_back = await asyncio.gather(*sends, return_exceptions=True)
    await provider.close()
    assert getattr(written, "result", None) is Result.ACCEPTED
    assert isinstance(called_back, Recalled)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["1.eml"]


def mail(number: int) -> Mail:
    return Mail(
        notification_id=number,
        sender=f"bounces+{number}@valley.example",
        recipient=f"customer{number}@example.net",
        data=b"Subject: test\r\n\r\nHello\r\n",
    )
