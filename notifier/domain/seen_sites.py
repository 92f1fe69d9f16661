"""The sites that an import has had rows for, so that a second row for one of them can be said, however far away it is.

A site costs some 20 bytes, whatever its name: a million of them 24 MB, where a dictionary of names would take ten times
as much. Of two sites in 2**64 one may be taken for the other; what is said then is wrong, what is stored is not.
"""

from array import array

_FIRST_SIZE = 1 << 12  # slots; a power of two
_HASH = (1 << 64) - 1


class SeenSites:
    """A table of hashes with open addressing; grows by doubling."""

    def __init__(self) -> None:
        self._count = 0
        self._hashes, self._lines = _slots(_FIRST_SIZE)

    def first_line(self, customer: str, site: str, line: int) -> int:
        """Return the line of the first row for a site, which is `line` for a site that is new.

        Asked again about a line it has had, it answers the same: rows may be checked twice.
        """
        key = hash((customer, site)) & _HASH or 1  # 0 is an empty slot
        at = self._slot(key)
        if self._hashes[at]:
            return self._lines[at]
        self._hashes[at], self._lines[at] = key, line
        self._count += 1
        if self._count * 3 > len(self._hashes) * 2:
            self._grow()
        return line

    def has(self, customer: str, site: str) -> bool:
        """Tell whether there was a row for a site."""
        return bool(self._hashes[self._slot(hash((customer, site)) & _HASH or 1)])

    def _slot(self, key: int) -> int:
        """Return where a hash stands, or the empty slot where it would."""
        hashes, mask = self._hashes, len(self._hashes) - 1
        at = key & mask
        while hashes[at] and hashes[at] != key:
            at = (at + 1) & mask
        return at

    def _grow(self) -> None:
        old = zip(self._hashes, self._lines, strict=True)
        self._hashes, self._lines = _slots(len(self._hashes) * 2)
        for key, line in old:
            if key:
                at = self._slot(key)
                self._hashes[at], self._lines[at] = key, line


def _slots(size: int) -> tuple["array[int]", "array[int]"]:
    return array("Q", bytes(8 * size)), array("I", bytes(4 * size))
