"""Drawing a figure in our style and writing it as SVG, PNG and PDF."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter
from matplotlib.transforms import Bbox

from rllib_zoo.analysis.style import figure_style

# Matplotlib writes coordinates in points (1/72 inch) with six decimals; with two, files are a third
# smaller and look the same.
PATH = re.compile(r'(?<= d=")[^"]*')
NO_DATES = {"CreationDate": None, "Producer": None, "Creator": None}
# Half the time, files 5 % larger.
PNG = {"pil_kwargs": {"compress_level": 1}}
COORDINATE = re.compile(r"-?\d+\.\d{3,}")


# Where a report shows a figure.
PARTS = ("curves", "figures", "times", "sweep", "rungs", "diagnostics")


@dataclass(frozen=True)
class FigureImage:
    """A rendered figure.

    Attributes:
        name: of its files, without suffix.
        title: with the environment.
        svg, png, pdf: the files; no PDF of a figure without a spot.
        spot: where a page shows it; None: on none.
    """

    name: str
    title: str
    svg: str
    png: bytes
    pdf: bytes
    spot: Spot | None = None


@dataclass(frozen=True)
class Spot:
    """A figure on the page.

    Attributes:
        plot: see ``interactive``.
        place: its environment.
        part: one of ``PARTS``.
        view: what distinguishes it from others that a switch shows in the same spot.
    """

    plot: Mapping[str, Any]
    place: str
    part: str = "figures"
    view: str = ""


def draw_figure(
    name: str, title: str, paint: Callable[[Axes], Axes], spot: Spot | None = None
) -> FigureImage:
    """The figure that a function paints on new axes."""
    with figure_style():
        # Not pyplot's: it would draw in the notebook or window of whoever imports this module. At the
        # resolution of SVG and PDF, so that texts are laid out once for both and for the box.
        figure = Figure(dpi=72)
        ax = figure.subplots()
        paint(ax)
        ax.set_title(title)
        show_names_as_text(figure)
        # Once for all formats, as "tight" finds that of SVG: with it, matplotlib draws each of them twice.
        renderer = RendererSVG(*figure.bbox.size, io.StringIO())
        box = figure.get_tightbbox(renderer).padded(mpl.rcParams["savefig.pad_inches"])
        svg = PATH.sub(_rounded, _saved(figure, box, "svg", Date=None).decode())
        pdf = _saved(figure, box, "pdf", **NO_DATES) if spot else b""
        png = _saved(figure, box, "png", PNG, Software=None)
        return FigureImage(name, title, svg[svg.index("<svg") :], png, pdf, spot)


def show_names_as_text(figure: Figure) -> None:
    """Draw every text as it is: a name with two "$" is no formula. Ticks of logarithmic axes are."""
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    formulas = {
        label
        for axis in axes
        if isinstance(axis.get_major_formatter(), LogFormatter)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        for label in (tick.label1, tick.label2)
    }
    for text in figure.findobj(Text):
        if isinstance(text, Text) and text not in formulas:
            text.set_parse_math(False)


def write_figures(folder: Path, images: list[FigureImage]) -> None:
    """Write every format of every figure into a new folder."""
    folder.mkdir()
    for figure in images:
        (folder / f"{figure.name}.svg").write_text(figure.svg, encoding="utf-8")
        (folder / f"{figure.name}.png").write_bytes(figure.png)
        if figure.pdf:
            (folder / f"{figure.name}.pdf").write_bytes(figure.pdf)


def file_name(text: str) -> str:
    """A text in lower case, with dashes for everything but letters and digits."""
    return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-").lower()


def _rounded(path: re.Match[str]) -> str:
    return COORDINATE.sub(lambda number: f"{float(number[0]):.2f}", path[0])


def _saved(
    figure: Figure,
    box: Bbox,
    suffix: str,
    options: Mapping[str, Any] | None = None,
    **metadata: Any,
) -> bytes:
    """A figure as a file, cut to a box in inches; the same bytes every time."""
    out = io.BytesIO()
    figure.savefig(out, format=suffix, bbox_inches=box, metadata=metadata, **(options or {}))
    return out.getvalue()
