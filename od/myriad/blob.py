"""The blob: the file that a stick loads, read back before it is delivered."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from od.errors import ExportError

ELF = b"\x7felf"
ELF_SIZE = 52  # bytes
MAGIC = 9709
VERSION = (6, 0)
# Found by asking the compiler of 2021.4.2 for ever more.
MAX_SHAVES = {"myriad2": 12, "myriadx": 16}
_FIELDS = struct.Struct("<13I")


@dataclass(frozen=True)
class BlobHeader:
    """What stands at the start of a blob.

    Args:
        magic: 9709.
        file_size: Bytes of the whole file.
        version: Major and minor version of the format.
        inputs, outputs, stages: How many.
        inputs_size, outputs_size: Bytes that they take.
        batch: Images at once.
        bss_size: Bytes of scratch memory on the stick.
        cmx_slices, shaves: What it was compiled for.
    """

    magic: int
    file_size: int
    version: tuple[int, int]
    inputs: int
    outputs: int
    stages: int
    inputs_size: int
    outputs_size: int
    batch: int
    bss_size: int
    cmx_slices: int
    shaves: int


def check_shaves(chip: str, shaves: int) -> None:
    """Refuse a number of shaves that the chip has not.

    Raises:
        ExportError: The chip is unknown, or the number is out of its range.
    """
    limit = MAX_SHAVES.get(chip)
    if limit is None:
        raise ExportError(f"chip '{chip}' is unknown, expected one of {', '.join(MAX_SHAVES)}")
    if not 1 <= shaves <= limit:
        raise ExportError(
            f"{chip} cannot use {shaves} shaves, expected 1 to {limit}",
            hint="leave --shaves at 6, which the NCS2 and OAK cameras both take",
        )


def read_blob_header(path: Path) -> BlobHeader:
    """Read the start of a blob.

    Raises:
        ExportError: It is missing, too short or no blob.
    """
    wanted = ELF_SIZE + _FIELDS.size
    try:
        with path.open("rb") as file:
            start = file.read(wanted)
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(start) < wanted:
        raise ExportError(f"{path}: {len(start)} bytes, a blob has {wanted} and more")
    if not start.startswith(ELF):
        raise ExportError(f"{path}: begins with {start[:4]!r}, a blob with {ELF!r}")
    fields = _FIELDS.unpack_from(start, ELF_SIZE)
    magic, file_size, major, minor, *others = fields
    return BlobHeader(magic, file_size, (major, minor), *others)


def check_blob(path: Path, *, shaves: int, inputs: int = 1, outputs: int = 1) -> BlobHeader:
    """Refuse a blob that is not whole or not what was asked for.

    Args:
        path: The file.
        shaves: What the compiler was told to use; as many CMX slices.
        inputs, outputs: How many the model has.

    Returns:
        Its header.

    Raises:
        ExportError: Something differs; the values found and expected are named.
    """
    header = read_blob_header(path)
    size = path.stat().st_size
    expected = {
        "magic": (header.magic, MAGIC),
        "version": (header.version, VERSION),
        "file size": (header.file_size, size),
        "inputs": (header.inputs, inputs),
        "outputs": (header.outputs, outputs),
        "shaves": (header.shaves, shaves),
        "CMX slices": (header.cmx_slices, shaves),
        "batch": (header.batch, 1),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted:
            raise ExportError(f"{path}: {name} {found} in the blob's header, expected {wanted}")
    return header
