"""Compiled templates of this process: the same source is compiled once, however often everything is built anew.

A reload builds all parts again, and seldom has a template changed. One of these serves environments that are alike:
what a template compiles to depends on the filters, the extensions and the escaping of its environment.
"""

from types import CodeType

from jinja2.bccache import Bucket, BytecodeCache

KEPT_AT_MOST = 512  # templates; somebody who edits them beside a running daemon leaves old ones behind


class Compiled(BytecodeCache):
    """Code by name and source of a template, in memory."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template its code, if it was compiled before."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what a template was compiled to."""
        if bucket.code is None:
            return
        if len(self._code) >= KEPT_AT_MOST:
            self._code.clear()
        self._code[bucket.key, bucket.checksum] = bucket.code
