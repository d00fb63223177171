"""A figure as an image in both formats, drawn in our style."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rllib_zoo.analysis.style import house_style

# A curve's points have six decimals of a point of 1/72 inch; a hundredth of one is not seen, and a
# third of the file.
PATH = re.compile(r'(?<= d=")[^"]*')
COORDINATE = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True)
class Drawn:
    """A figure: its file name, title and image."""

    name: str
    title: str
    svg: str
    png: bytes


def drawn_in(name: str, title: str, paint: Callable[[Axes], Axes]) -> Drawn:
    """Let a function paint on new axes, and keep what it painted."""
    with house_style():
        figure, ax = plt.subplots()
        paint(ax)
        ax.set_title(title)
        found = Drawn(name, title, _svg(figure), _png(figure))
        plt.close(figure)
    return found


def write_figures(folder: Path, found: list[Drawn]) -> None:
    """Both formats of every figure; those of an earlier report go."""
    folder.mkdir(parents=True, exist_ok=True)
    for earlier in [*folder.glob("*.svg"), *folder.glob("*.png")]:
        earlier.unlink()
    for figure in found:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)


def file_name(text: str) -> str:
    """Letters and digits in lower case, everything else a dash."""
    return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-").lower()


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return PATH.sub(_rounded, text[text.index("<svg") :])


def _rounded(path: re.Match[str]) -> str:
    return COORDINATE.sub(lambda number: f"{float(number[0]):.2f}", path[0])


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
