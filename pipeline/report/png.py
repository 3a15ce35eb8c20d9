"""Small indexed PNG pictures of matrices.

Why own code: a spectrogram has too many cells for marks of a chart, and the plotting libraries that
could draw it are no dependency of this project. Format: PNG (ISO/IEC 15948), 8-bit palette.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: anchors of a diverging scale that is readable without colour vision: dark blue, white, dark brown
DIVERGING = ("#0b3c5d", "#3f7ea6", "#a9cbe0", "#f5f5f2", "#e9bd8b", "#b86f2c", "#6b3410")
_LEVELS = 254
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def palette(anchors: Sequence[str]) -> NDArray[np.uint8]:
    """Colours between anchors, linearly.

    Returns
    -------
    ndarray of uint8, shape (255, 3)
    """
    import numpy as np

    stops = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], dtype=float)
    at = np.linspace(0, len(anchors) - 1, _LEVELS + 1)
    columns = [np.interp(at, np.arange(len(anchors)), stops[:, channel]) for channel in range(3)]
    return np.round(np.column_stack(columns)).astype(np.uint8)


def matrix_png(
    matrix: NDArray[np.floating], *, low: float, high: float, anchors: Sequence[str] = DIVERGING
) -> bytes:
    """Draw a matrix, its first row at the top; missing values are transparent.

    Parameters
    ----------
    matrix : ndarray, shape (rows, columns)
        Values; beyond ``low`` and ``high`` the last colours hold.
    low, high : float
        Values of the first and the last colour.
    anchors : sequence of str
        Colours from low to high.

    Returns
    -------
    bytes
        A PNG file; the same matrix gives the same bytes.

    Raises
    ------
    InputError
        If the matrix is empty or not two-dimensional, or ``low`` is not below ``high``.
    """
    import numpy as np

    values = np.asarray(matrix, dtype=float)
    if values.ndim != 2 or not values.size or not low < high:
        raise InputError(
            f"a picture needs rows, columns and low < high; found shape {values.shape}"
        )
    known = np.isfinite(values)
    level = np.clip((np.where(known, values, low) - low) / (high - low), 0, 1) * _LEVELS
    index = np.where(known, np.round(level).astype(np.uint8), 255).astype(np.uint8)
    rows, columns = index.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    colours = palette(anchors).tobytes() + b"\xff\xff\xff"
    alpha = b"\xff" * 255 + b"\x00"
    scanlines = np.hstack([np.zeros((rows, 1), np.uint8), index]).tobytes()
    chunks = (
        (b"IHDR", header),
        (b"PLTE", colours),
        (b"tRNS", alpha),
        (b"IDAT", zlib.compress(scanlines, 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def data_uri(png: bytes) -> str:
    """A PNG as an address that needs no file."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
