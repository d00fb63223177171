"""How our figures look: legible in print, in grey, and for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

# Okabe & Ito 2008, "Color Universal Design": told apart with every kind of colour vision; yellow, which
# print loses, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
# Beyond seven groups, and in grey, dashes tell them apart.
DASHES = ("-", "--", ":", "-.")
# More lines, or longer labels, have their legend outside.
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
    # Text stays text, so that pages can be searched; ids do not change from one call to the next.
    "svg.fonttype": "none",
    "svg.hashsalt": "rllib-zoo",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Inside of it, new figures have our look; matplotlib's own settings come back afterwards."""
    with mpl.rc_context(SETTINGS):
        yield


def look(number: int) -> dict[str, Any]:
    """Colour and dashes of the group with this number."""
    lap, place = divmod(number, len(COLOURS))
    return {"color": COLOURS[place], "linestyle": DASHES[(place + lap) % len(DASHES)]}


def legend(ax: Axes) -> None:
    """Inside of the axes, or beside them where it would cover the lines."""
    labels = ax.get_legend_handles_labels()[1]
    if len(labels) > LEGEND_INSIDE or max(map(len, labels), default=0) > LABEL_INSIDE:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    else:
        ax.legend()


def set_height(ax: Axes, rows: int) -> None:
    """A figure as high as its rows need."""
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


def plain(value: float) -> str:
    """1428.3 as 1,428 and 0.12345 as 0.123."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
