"""The file with the first key: readable by its owner only, whole or not there."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from notifier.domain.errors import NotifierError


class TokenFile:
    """A file that takes its name only once it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = path.with_name(path.name + ".new")
        self._descriptor = -1

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._new.unlink(missing_ok=True)
            self._descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            reason = f"server.token_file: cannot write {self.path}: {error.strerror}"
            raise NotifierError(reason) from error
        return self

    def write(self, key: str) -> None:
        """Write the key and give the file its name."""
        os.write(self._descriptor, f"{key}\n".encode())
        os.fsync(self._descriptor)
        self._new.replace(self.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._new.unlink(missing_ok=True)
