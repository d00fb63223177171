"""`rllib report --watch`: drawn again while training goes on; the page reloads itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.object_storage import download, was_uri

# Between looks at the results, and between reloads of the page.
PAUSE_S = 10
# An attribute of the page's root element while it reloads itself.
RELOAD = ' data-reload="{}"'


def watch(
    draw: Callable[[], None], folders: Sequence[Path], output: Path, pause_s: float = PAUSE_S
) -> None:
    """Draw, and again whenever a file of the results has changed, until Ctrl-C.

    Args:
        draw: writes the report.
        folders: of the results.
        output: of the report; its own files do not count. Its page stops to reload itself in the end.
        pause_s: between looks at the files.
    """
    seen = None
    try:
        while True:
            for folder in filter(was_uri, folders):
                download(folder)
            if (found := _state(folders, output)) != seen:
                draw()
                seen = found
            time.sleep(pause_s)
    except KeyboardInterrupt:
        page = output / "report.html"
        if page.exists():
            text = page.read_text(encoding="utf-8").replace(RELOAD.format(PAUSE_S), "", 1)
            with atomic_write(page) as draft:
                draft.write_text(text, encoding="utf-8")


def _state(folders: Sequence[Path], output: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of every file; one that vanishes meanwhile is left out."""
    state = []
    for folder in folders:
        for file in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            try:
                facts = file.stat()
            except OSError:
                continue
            if file.is_file() and output not in file.parents:
                state.append((str(file), facts.st_size, facts.st_mtime_ns))
    return state
