"""The notebook runs from top to bottom on the committed results."""

import nbformat
import pytest
from nbclient import NotebookClient

from rllib_zoo.experiments.paths import ROOT

NOTEBOOK = ROOT / "notebooks" / "compare_algorithms.ipynb"


@pytest.fixture(scope="module")
def executed():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": NOTEBOOK.parent}}
    ).execute()
    return notebook


def outputs_of(cell, kind):
    return [found for found in cell.get("outputs", []) if kind in found.get("data", {})]


def test_every_figure_is_drawn(executed):
    asking = [cell for cell in executed.cells if "plt.show()" in cell.source]
    assert len(asking) >= 5
    assert all(outputs_of(cell, "image/png") for cell in asking)


def test_the_table_of_runs_has_all_three_algorithms(executed):
    (cell,) = (cell for cell in executed.cells if cell.source.startswith("results.runs[["))
    (table,) = outputs_of(cell, "text/plain")
    assert all(name in table["data"]["text/plain"] for name in ("A2C", "A3C", "PPO"))


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
