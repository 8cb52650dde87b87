"""The container of a compact file: named sections behind a table of checksums, as in docs/reference/compact-file.md."""

from __future__ import annotations

from fasttrees._modelfile.lazy import MAGIC
from fasttrees._modelfile.xxhash import xxh64
from fasttrees.errors import ModelFormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from mmap import mmap
    from typing import BinaryIO

    from typing_extensions import Buffer

__all__ = ["Sections", "expect_checksum", "open_sections", "write_sections"]

ORDER = 0x01020304  # written in the byte order of the machine that writes
OTHER_ORDER = 0x04030201
VERSION = 1  # of the container, the text and the arrays of a forest
HEADER = "=8sIIQIIQ"  # magic, order, version, size of the file, version of the plans, sections, 0
ENTRY = "=40sQQQQ"  # name, size of an item, offset, size without padding, checksum with padding
HEADER_SIZE = 40
ENTRY_SIZE = 72
CHECKSUM_SIZE = 8  # of header and table, behind them
ALIGNMENT = 64
MAX_SECTIONS = 1 << 10


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def write_sections(file: BinaryIO, plan_version: int, sections: Mapping[str, tuple[int, memoryview]]) -> None:
    """Write a compact file.

    Parameters
    ----------
    file : binary file to write
    plan_version : int
    sections : dict of str to tuple of int and memoryview
        By name, the size of an item and the bytes.
    """
    import struct

    offset = _aligned(HEADER_SIZE + len(sections) * ENTRY_SIZE + CHECKSUM_SIZE)
    table = []
    for name, (item_size, content) in sections.items():
        checksum = xxh64(_padded(content))
        table.append(struct.pack(ENTRY, name.encode("ascii"), item_size, offset, content.nbytes, checksum))
        offset += _aligned(content.nbytes)
    head = struct.pack(HEADER, MAGIC, ORDER, VERSION, offset, plan_version, len(sections), 0) + b"".join(table)
    head = head.ljust(_aligned(len(head) + CHECKSUM_SIZE) - CHECKSUM_SIZE, b"\0")
    file.write(head + struct.pack("=Q", xxh64(head)))
    for _, content in sections.values():
        file.write(_padded(content))


def _padded(content: memoryview) -> Buffer:
    padding = _aligned(content.nbytes) - content.nbytes
    return b"".join((content, bytes(padding))) if padding else content


class Sections:
    """The sections of a compact file; each is verified when it is first taken.

    Parameters
    ----------
    data : bytes, read-only memoryview or mmap.mmap
        The whole file; of a view whoever gives it knows that it stays as it is.

    Raises
    ------
    ModelFormatError
        If header or table are damaged or not of this version and byte order, or the file's size is not theirs.
    """

    def __init__(self, data: bytes | memoryview | mmap) -> None:
        import struct

        self._data = data
        self._view = view = memoryview(data).cast("B").toreadonly()
        if len(view) < HEADER_SIZE:
            raise ModelFormatError(f"a header of {HEADER_SIZE} bytes", f"{len(view)} bytes in all")
        magic, order, version, self.size, self.plan_version, count, _ = struct.unpack_from(HEADER, view)
        if magic != MAGIC:
            raise ModelFormatError("a compact model file", repr(magic))
        if order == OTHER_ORDER:
            raise ModelFormatError(
                "a compact file of this machine's byte order", "the other; convert the text model on this machine"
            )
        if order != ORDER:
            raise ModelFormatError(f"byte order mark {ORDER:#010x}", f"{order:#010x}")
        if version != VERSION:
            raise ModelFormatError(
                f"version {VERSION} of the compact format",
                f"{version}; convert the text model with this version of fasttrees",
            )
        if len(view) != self.size:
            raise ModelFormatError(f"{self.size} bytes, as the header says", str(len(view)))
        end = _aligned(HEADER_SIZE + count * ENTRY_SIZE + CHECKSUM_SIZE)
        if count > MAX_SECTIONS or end > len(view):
            raise ModelFormatError("a table within the file", f"{count} sections")
        expect_checksum(view[: end - CHECKSUM_SIZE], struct.unpack_from("=Q", view, end - CHECKSUM_SIZE)[0], "header")
        self._table: dict[str, tuple[int, int, int, int]] = {}
        self._verified: set[str] = set()
        table = view[HEADER_SIZE : HEADER_SIZE + count * ENTRY_SIZE]
        for name, item_size, offset, size, checksum in struct.iter_unpack(ENTRY, table):
            key = name.rstrip(b"\0").decode("latin-1")
            if offset != end or not 0 < item_size <= ALIGNMENT or size % item_size or key in self._table:
                raise ModelFormatError("sections one after the other, of whole items", "others", None, key)
            self._table[key] = item_size, offset, size, checksum
            end += _aligned(size)
        if end != len(view):
            raise ModelFormatError(f"{end} bytes of sections", str(len(view)))

    def take(self, name: str, item_size: int) -> memoryview:
        """Return the bytes of a section, after verifying them if that was not done yet.

        Raises
        ------
        ModelFormatError
            If its checksum is not that of the table, or the file has been cut since it was opened.
        """
        if name not in self._table:
            raise ModelFormatError("the section", "no such section", None, name)
        written, offset, size, checksum = self._table[name]
        if written != item_size:
            raise ModelFormatError(f"items of {item_size} bytes", str(written), None, name)
        if name not in self._verified:
            self._expect_size()
            expect_checksum(self._view[offset : offset + _aligned(size)], checksum, name)
            self._verified.add(name)
        return self._view[offset : offset + size]

    def verify(self) -> None:
        """Verify every section that was not yet."""
        for name, (item_size, _, _, _) in self._table.items():
            self.take(name, item_size)

    def _expect_size(self) -> None:
        """To read behind the end of a file that was cut would end the process."""
        if not isinstance(self._data, (bytes, memoryview)) and (size := self._data.size()) < self.size:
            raise ModelFormatError(f"{self.size} bytes, as when it was opened", str(size))


def expect_checksum(content: memoryview, expected: int, name: str) -> None:
    """Compare the checksum of some bytes with what it must be.

    Raises
    ------
    ModelFormatError
        If the bytes are damaged.
    """
    got = xxh64(content)
    if got != expected:
        raise ModelFormatError(f"checksum {expected:016x}", f"{got:016x}: the file is damaged", None, name)


def open_sections(file: BinaryIO) -> Sections:
    """Map a compact file into memory."""
    from mmap import MAP_PRIVATE, PROT_READ, mmap

    return Sections(mmap(file.fileno(), 0, flags=MAP_PRIVATE, prot=PROT_READ))
