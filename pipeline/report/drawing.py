"""Specifications drawn as SVG, PDF and PNG; ``python -m pipeline.report.drawing`` draws them.

The converter keeps one core busy per process. Several processes draw at once, each a program of its
own that reads names of figures from its standard input: a forked copy of a process that has threads
may hang, and a spawned one would run the script of the workflow again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline.files import replacing

#: pixels of a PNG per pixel of the drawing: 1600 across a page; 2 takes a third more time
PNG_SCALE = 1.5


def render_svg(specification: str) -> str:
    """Draw a Vega-Lite specification as SVG; nothing is loaded from anywhere."""
    import vl_convert

    return vl_convert.vegalite_to_svg(specification, allowed_base_urls=[])


def on_white(svg: str) -> str:
    """Lay a drawing, whose ground is transparent, on white: pages that show a PNG may be dark."""
    start, end, rest = svg.partition(">")
    return f'{start}{end}<rect width="100%" height="100%" fill="#ffffff"/>{rest}'


def draw(stem: Path) -> None:
    """Draw ``<stem>.vl.json``, and write ``<stem>.svg``, ``<stem>.pdf`` and ``<stem>.png``.

    Rendering once and converting is several times faster than letting Vega draw all of them.
    """
    import vl_convert

    svg = render_svg(beside(stem, ".vl.json").read_text(encoding="utf-8"))
    with replacing(beside(stem, ".svg")) as part:
        part.write_bytes(svg.encode())
    with replacing(beside(stem, ".pdf")) as part:
        part.write_bytes(vl_convert.svg_to_pdf(svg))
    with replacing(beside(stem, ".png")) as part:
        part.write_bytes(vl_convert.svg_to_png(on_white(svg), scale=PNG_SCALE))


def beside(stem: Path, suffix: str) -> Path:
    """Return one file of a figure; its name may hold dots."""
    return stem.with_name(stem.name + suffix)


def draw_all(stems: Iterable[Path], *, processes: int = 1) -> None:
    """Draw figures as their specifications are written.

    Parameters
    ----------
    stems : iterable of pathlib.Path
        Each is asked for after the one before was handed over: it may write its specification then.
    processes : int
        How many draw; with one, this process does. The drawings do not depend on it.

    Raises
    ------
    RuntimeError
        If a drawing fails.
    """
    if processes <= 1:
        for stem in stems:
            draw(stem)
        return
    package = str(Path(__file__).resolve().parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "pipeline.report.drawing"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"},
        )
        for _ in range(processes)
    ]
    try:
        for at, stem in enumerate(stems):
            pipe = workers[at % processes].stdin
            assert pipe is not None
            pipe.write(f"{stem.resolve()}\n")
            pipe.flush()
    except BrokenPipeError:
        pass  # the worker ended: it says why below
    finally:
        said = [worker.communicate()[1] for worker in workers]
    failed = [text for worker, text in zip(workers, said, strict=True) if worker.returncode]
    if failed:
        raise RuntimeError(f"a figure could not be drawn:\n{failed[0]}")


def main() -> None:
    """Draw every figure whose path comes in, until no more come."""
    for line in sys.stdin:
        draw(Path(line.rstrip("\n")))


if __name__ == "__main__":
    main()
