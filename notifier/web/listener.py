"""A listening socket with an aiohttp application behind it, started and stopped in order."""

from aiohttp import web

from notifier.domain.errors import ConfigError, NotifierError
from notifier.settings.addresses import split_listen

BACKLOG = 1_024  # connections the kernel holds until they are taken
KEEP_ALIVE_SECONDS = 75.0
SHUTDOWN_SECONDS = 5.0  # how long requests under way may take to end


class Listener:
    """One address on which an application answers."""

    def __init__(self, app: web.Application, listen: str, key: str) -> None:
        found = split_listen(listen)
        if found is None:
            raise ConfigError([f"{key}: '{listen}' is no address; expected for example 127.0.0.1:8080"])
        (self._host, self._port), self._key = found, key
        self._runner = web.AppRunner(
            app,
            access_log=None,  # the edge writes its own, without personal data
            handle_signals=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    async def start(self) -> str:
        """Listen, and return the address with the real port."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host.strip("[]") or None, self._port, backlog=BACKLOG)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self._host}:{self._port}"
            raise NotifierError(f"{self._key}: cannot listen on {where}: {error.strerror or error}") from error
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Accept nothing more, let requests under way end, and close."""
        await self._runner.cleanup()
