"""Work beside a block of code: it ends with the block, and its error ends the block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from notifier.domain.errors import NotifierError


@contextlib.asynccontextmanager
async def alongside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine beside the block; its error ends the block, the end of the block ends it."""
    block = asyncio.current_task()
    task = asyncio.create_task(work)
    failed = False

    def ended(task: "asyncio.Task[None]") -> None:
        nonlocal failed
        if not task.cancelled() and task.exception() is not None and block is not None:
            failed = True
            block.cancel()

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failed and block is not None:
            block.uncancel()
            raise _innermost(task.exception()) from None
        raise
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _innermost(error: BaseException | None) -> BaseException:
    """Return the error inside an exception group of a task group, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error or NotifierError("something in the background ended")
