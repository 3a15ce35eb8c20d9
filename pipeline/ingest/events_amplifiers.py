"""TTL lines of Intan, Blackrock and Neuralynx, from the raw words of their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.ingest.damage import TRUNCATED
from pipeline.ingest.events_words import Pulses, idle_word, numbered, split_lines
from pipeline.ingest.files import LAYOUTS

if TYPE_CHECKING:
    import numpy as np


def intan_events(path: Path, stream: str) -> list[Pulses]:
    """Read the digital inputs of Intan files of any layout.

    Lines are the numbers in the inputs' names (DIGITAL-IN-01 is line 1), on the one clock that all
    signals share.
    """
    from pipeline.ingest.intan import join_pieces, piece_events, read_header
    from pipeline.ingest.intan_flat import flat_events, is_flat
    from pipeline.ingest.openers_rigs import intan_headers

    files = intan_headers(path)
    if is_flat(files[0]):
        return flat_events(read_header(files[0]), stream)
    return piece_events(join_pieces(files), stream)


# --- Blackrock


def blackrock_events(path: Path, stream: str, start_s: float) -> list[Pulses]:
    """Read the digital input of a Blackrock ``.nev`` file.

    Packets with id 0 hold the word of the digital input and when it changed (NEV specification,
    2.1 to 3.0: 4-byte time stamps until 2.3, 8 bytes from 3.0 on).

    Parameters
    ----------
    path : pathlib.Path
        As sessions.tsv names the recording.
    stream : str
        The analysed stream.
    start_s : float
        Time of its first sample on the file's clock.

    Raises
    ------
    InputError
        No NEV file, one cut within a packet, or time stamps that run backwards.
    """
    files = [f for f in LAYOUTS["blackrock"].files(path) if f.suffix.casefold() == ".nev"]
    found: list[Pulses] = []
    for file in files:
        times, words = _nev_words(file)
        first = idle_word(int(words[0]), bits=16) if len(words) else 0
        lines = numbered(range(16))
        found += [
            Pulses(item.line, item.on, item.off, stream)
            for item in split_lines(first, times - start_s, words, lines=lines)
        ]
    return found


def _nev_words(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return times in seconds on the file's clock, and the words of the digital input."""
    import numpy as np

    head = np.dtype(
        [
            ("id", "S8"),
            ("major", "u1"),
            ("minor", "u1"),
            ("flags", "<u2"),
            ("header", "<u4"),
            ("packet", "<u4"),
            ("resolution", "<u4"),
        ]
    )
    basic = np.fromfile(file, dtype=head, count=1)
    if not len(basic) or basic["id"][0] not in (b"NEURALEV", b"BREVENTS"):
        raise InputError(f"{file}: found no NEV identifier in its first bytes; {TRUNCATED}")
    stamp = 8 if basic["id"][0] == b"BREVENTS" or basic["major"][0] >= 3 else 4
    packet, offset = int(basic["packet"][0]), int(basic["header"][0])
    count, rest = divmod(file.stat().st_size - offset, packet)
    if rest or count < 0:
        raise InputError(
            f"{file}: found {count} packets of {packet} bytes and {rest} bytes; {TRUNCATED}"
        )
    layout = np.dtype(
        {
            "names": ["time", "id", "reason", "word"],
            "formats": [f"<u{stamp}", "<u2", "u1", "<u2"],
            "offsets": [0, stamp, stamp + 2, stamp + 4],
            "itemsize": packet,
        }
    )
    ticks, words = _digital_packets(file, layout, offset)
    backwards = np.flatnonzero(ticks[1:] < ticks[:-1])
    if len(backwards):
        place = int(backwards[0]) + 1
        raise InputError(
            f"{file}: digital event {place}: found time stamp {int(ticks[place])} after "
            f"{int(ticks[place - 1])}; expected growing ones: the clock was reset (two processors "
            "synchronised, or recording restarted)"
        )
    return ticks / float(basic["resolution"][0]), words


def _digital_packets(file: Path, layout: np.dtype, offset: int) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    ticks: list[np.ndarray] = [np.zeros(0, dtype=np.uint64)]
    words: list[np.ndarray] = [np.zeros(0, dtype=np.uint64)]
    for packets in _records(file, layout, offset):
        # Bit 0 of the reason: the parallel input changed; bit 7: a byte on the serial port.
        digital = packets[(packets["id"] == 0) & (packets["reason"] & 1 > 0)]
        ticks.append(digital["time"].astype(np.uint64))
        words.append(digital["word"].astype(np.uint64))
    return np.concatenate(ticks), np.concatenate(words)


def _records(file: Path, layout: np.dtype, offset: int) -> Iterator[np.ndarray]:
    """Yield the fixed-size records of a file, piece by piece."""
    import numpy as np

    with file.open("rb") as stream:
        stream.seek(offset)
        while len(records := np.fromfile(stream, dtype=layout, count=1 << 16)):
            yield records


# --- Neuralynx


def neuralynx_events(path: Path, stream: str, start_s: float) -> list[Pulses]:
    """Read the TTL words of the Neuralynx ``.nev`` files of a folder.

    Lines are bits; with several ports, "board 0 port 1 bit 3". Records that name no TTL change
    (recording started, comments) are left out, but their word tells the level of the lines.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the recording.
    stream : str
        The analysed stream.
    start_s : float
        Time of its first sample on the rig's clock, in seconds.

    Raises
    ------
    InputError
        A file cut within a record, or time stamps that run backwards.
    """
    import numpy as np

    found: list[Pulses] = []
    for file in (f for f in LAYOUTS["neuralynx"].files(path) if f.suffix.casefold() == ".nev"):
        ports = _neuralynx_ports(file)
        for (board, port), (first, micros, words) in ports.items():
            name = f"board {board} port {port} bit "
            several = len(ports) > 1
            lines = {(f"{name}{bit}" if several else bit): bit for bit in range(16)}
            times = micros / 1e6 - start_s
            found += [
                Pulses(item.line, item.on, item.off, stream)
                for item in split_lines(first, np.asarray(times), words, lines=lines)
            ]
    return found


_PORT = re.compile(r"board (\d+) port (\d+)", re.I)


def _neuralynx_ports(
    file: Path,
) -> dict[tuple[int, int], tuple[int, np.ndarray, np.ndarray]]:
    """Return (first word, microseconds, words) of each (board, port)."""
    import numpy as np

    from pipeline.ingest.neuralynx import HEADER_BYTES

    layout = np.dtype(
        [
            ("reserved", "<i2", 3),
            ("time", "<u8"),
            ("event", "<i2"),
            ("ttl", "<u2"),
            ("crc", "<i2", 3),
            ("extra", "<i4", 8),
            ("text", "S128"),
        ]
    )
    size = file.stat().st_size - HEADER_BYTES
    if size < 0 or size % layout.itemsize:
        raise InputError(
            f"{file}: found {size} bytes after the header; expected whole records of "
            f"{layout.itemsize} bytes; {TRUNCATED}"
        )
    changes: dict[tuple[int, int], list[tuple[int, int]]] = {}
    known: dict[tuple[int, int], int] = {}
    last = 0
    number = 0
    for records in _records(file, layout, HEADER_BYTES):
        for time, word, text in zip(
            records["time"].tolist(), records["ttl"].tolist(), records["text"].tolist(), strict=True
        ):
            if time < last:
                raise InputError(
                    f"{file}: record {number}: found time stamp {time} after {last} microseconds; "
                    "expected growing ones: acquisition was restarted into the same file"
                )
            last, number = time, number + 1
            said = text.decode("latin-1")
            if "ttl" in said.casefold():
                match = _PORT.search(said)
                port = (int(match.group(1)), int(match.group(2))) if match else (0, 0)
                changes.setdefault(port, []).append((time, word))
            elif "starting recording" in said.casefold():
                # Until the first change, the word at the start is the level of port 0.
                known.setdefault((0, 0), word)
    found = {}
    for port, items in changes.items():
        micros, words = (np.array([item[i] for item in items], dtype=np.uint64) for i in (0, 1))
        first = known.get(port, 0) or idle_word(int(words[0]), bits=16)
        found[port] = first, micros.astype(np.float64), words
    return found
