"""The notebooks run from top to bottom, and are kept with the outputs of such a run."""

import nbformat
import pytest
from nbclient import NotebookClient

from rllib_zoo.experiments.paths import ROOT

FOLDER = ROOT / "notebooks"
NAMES = ["compare_algorithms", "other_libraries", "sweep"]


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def run(notebook):
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": FOLDER}}).execute()
    return notebook


def images(cell):
    return [out for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]


def texts(notebook):
    """What each cell prints and returns; in how many pieces it prints depends on the moment."""
    return [
        "".join(
            out.get("text") or out["data"]["text/plain"]
            for out in cell.get("outputs", [])
            if "text" in out or "image/png" not in out["data"]
        )
        for cell in notebook.cells
    ]


@pytest.fixture(scope="module")
def compared():
    return run(read("compare_algorithms"))


def test_every_notebook_is_tested():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


def test_every_figure_is_drawn(compared):
    cells = [cell for cell in compared.cells if "plt.show()" in cell.source]
    assert [len(images(cell)) for cell in cells] == [3, 3, 2, 3, 2]


def test_the_stored_outputs_are_those_of_a_run(compared):
    assert texts(read("compare_algorithms")) == texts(compared)


def test_any_folders_are_compared():
    """Pong alone, where no run was stopped by a score."""
    notebook = read("compare_algorithms")
    notebook.cells = notebook.cells[:2] + [c for c in notebook.cells[2:] if c.cell_type == "code"]
    (setup,) = (cell for cell in notebook.cells if "FOLDERS = [" in cell.source)
    replaced = setup.source.replace(
        '"../results/algorithms_compared"', '"../results/algorithms_compared/pong-ppo"'
    )
    assert replaced != setup.source
    setup.source = replaced
    run(notebook)
    assert sum(len(images(cell)) for cell in notebook.cells) == 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["other_libraries", "sweep"])
def test_the_other_notebooks_give_their_stored_outputs(name):
    stored, executed = read(name), run(read(name))
    assert texts(stored) == texts(executed)
    assert [len(images(c)) for c in stored.cells] == [len(images(c)) for c in executed.cells]
    assert any(map(images, executed.cells))


@pytest.mark.parametrize("name", NAMES)
def test_stored_outputs_have_no_errors_and_name_no_machine(name):
    notebook = read(name)
    assert all(out.output_type != "error" for c in notebook.cells for out in c.get("outputs", []))
    assert str(ROOT) not in nbformat.writes(notebook)
