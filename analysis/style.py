"""The style of all figures: colours, line styles, settings of matplotlib, number formats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

# Okabe & Ito 2008, "Color Universal Design": distinguishable with every kind of colour vision; without
# yellow, which is lost in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# The same hues on a dark page.
DARK_COLOURS = ("#4DA6E8", "#FF8B3D", "#2CC79B", "#E6A5CB", "#8ACDF5", "#F7BC45", "#F0F2F4")
# They distinguish groups beyond the seventh, and in greyscale print; on the page the former only.
DASHES = ("-", "--", ":", "-.")
PLOTLY_DASHES = ("solid", "dash", "dot", "dashdot")
# Sequential, for values: readable with every kind of colour vision and in greyscale.
COLOUR_MAP = "cividis"
INTERVAL_COLOUR = "black"  # on bars
ZERO_COLOUR = "0.3"  # greys of matplotlib: 0 is black, 1 white
REFERENCE_COLOUR = "0.5"
NOTE_COLOUR = "0.4"
RUN_COLOUR = "0.6"  # single runs behind a line
LABEL_BACKGROUND = "white"
# More lines, or longer labels, move the legend outside.
LEGEND_INSIDE = 4
LABEL_INSIDE = 34
SETTINGS: dict[Any, Any] = {
    "figure.figsize": (6.4, 4.0),
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    # Text stays text, so that pages can be searched; element ids are reproducible.
    "svg.fonttype": "none",
    "svg.hashsalt": "rllib-zoo",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """A context in which matplotlib has our settings."""
    with mpl.rc_context(SETTINGS):
        yield


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of the group with this number."""
    lap, place = divmod(number, len(COLOURS))
    return {"color": COLOURS[place], "linestyle": DASHES[(place + lap) % len(DASHES)]}


def text_colour(value: float, low: float, high: float) -> str:
    """The readable text colour on ``COLOUR_MAP`` at a value of its range."""
    return "white" if value < (low + high) / 2 else "black"


def legend_label(text: str) -> str:
    """The text as a label; matplotlib leaves those that begin with an underscore out of legends."""
    return f" {text}" if text.startswith("_") else text


def legend(ax: Axes) -> None:
    """A legend inside the axes, or beside them where it would cover the lines."""
    labels = ax.get_legend_handles_labels()[1]
    if len(labels) > LEGEND_INSIDE or max(map(len, labels), default=0) > LABEL_INSIDE:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    else:
        ax.legend()


def set_height(ax: Axes, rows: int) -> None:
    """Fit the figure's height to a number of rows."""
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.set_figheight(max(2.0, 1.0 + 0.35 * rows))


def in_thousands(ax: Axes) -> None:
    """Steps as 200k and 1.5M on the x axis."""
    ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """1,500,000 as 1.5M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def count_text(runs: int) -> str:
    """``1 run``, ``2 runs``."""
    return f"{runs} run{'s' if runs > 1 else ''}"


def plain(value: float) -> str:
    """1428.3 as 1,428 and 0.12345 as 0.123."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
