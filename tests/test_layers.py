"""Imports run one way: from the command down to the formulas, never back, never in circles."""

from __future__ import annotations

import ast
import subprocess
from graphlib import CycleError, TopologicalSorter

import pytest

from rllib_zoo.experiments.paths import ROOT

PACKAGE = "rllib_zoo"
# Folder → the folders that its code may import.
FOLDERS = {
    "rllib_zoo": set(),
    "analysis": set(),
    "envs": {"rllib_zoo"},
    "custom_models": {"rllib_zoo"},
    "algorithms": {"envs", "custom_models"},
    "experiments": {"algorithms", "analysis", "custom_models", "envs", "rllib_zoo"},
    "benchmarks": {"algorithms", "analysis", "custom_models", "envs", "experiments"},
}
# Rooms of experiments from low to high: each may import those before it.
ROOMS = (
    "errors", "console", "memory", "interrupts", "child_process", "library_warnings", "paths", "options",
    "spec", "legacy", "tune", "provenance", "sweeps", "validation", "config", "evaluation", "launch",
    "studies", "reproduce", "cli",
)  # fmt: skip
MOST_FILES = 16


def tracked():
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [file for file in listed.stdout.splitlines() if (ROOT / file).exists()]


SOURCES = [file for file in tracked() if file.split("/")[0] in FOLDERS]


def module_of(file):
    return file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


MODULES = {module_of(file) for file in SOURCES}


def imports_of(source, modules=MODULES, *, lazy=True):
    """This project's modules that a source text imports; with ``lazy`` inside functions, too."""
    tree = ast.parse(source)
    nodes = ast.walk(tree) if lazy else top_level(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] != PACKAGE:
                continue
            inner = ".".join(parts[1:])
            for alias in node.names:
                whole = f"{inner}.{alias.name}".strip(".")
                found.add(whole if whole in modules else inner or PACKAGE)
        elif isinstance(node, ast.Import):
            found |= {a.name[len(PACKAGE) + 1 :] for a in node.names if a.name.startswith(PACKAGE)}
    return {f"{PACKAGE}.{name}" if name == "class_path" else name for name in found}


def top_level(tree):
    """Statements that run when a module is imported, those for the type checker left out."""
    for node in tree.body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield from ast.walk(node) if isinstance(node, ast.If | ast.Try) else (node,)


def above(room, other):
    return ROOMS.index(room) > ROOMS.index(other)


def forbidden(file, source):
    """The imports of a file that lead up, as (importing, imported)."""
    module, wrong = module_of(file), []
    folder, *rest = module.split(".")
    for name in sorted(imports_of(source)):
        other, *others = name.split(".")
        if other != folder:
            if other not in FOLDERS[folder]:
                wrong.append((module, name))
        elif folder == "experiments" and rest and others and above(others[0], rest[0]):
            wrong.append((module, name))
    return wrong


def test_imports_lead_down():
    assert [wrong for file in SOURCES for wrong in forbidden(file, (ROOT / file).read_text())] == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("analysis/results.py", "from rllib_zoo.experiments.studies.runs import runs_of"),
        ("envs/factory.py", "import rllib_zoo.algorithms.a2c"),
        ("algorithms/a2c.py", "def f():\n    from rllib_zoo.experiments import options"),
        (
            "experiments/spec/grid.py",
            "from rllib_zoo.experiments.validation.check import validate",
        ),
    ],
)
def test_an_import_that_leads_up_is_seen(file, line):
    assert len(forbidden(file, line)) == 1


def test_rooms_and_folders_are_all_named():
    rooms = {
        module.split(".")[1]
        for module in MODULES
        if module.startswith("experiments.") and module.count(".")
    }
    assert rooms == set(ROOMS)
    assert {module.split(".")[0] for module in MODULES} == set(FOLDERS)


def test_no_imports_run_in_a_circle():
    graph = {
        module_of(file): imports_of((ROOT / file).read_text(), lazy=False) - {module_of(file)}
        for file in SOURCES
        # Packages offer names of their modules; they define nothing.
        if not file.endswith("__init__.py")
    }
    graph = {module: {name for name in names if name in graph} for module, names in graph.items()}
    tuple(TopologicalSorter(graph).static_order())
    with pytest.raises(CycleError):
        tuple(TopologicalSorter({**graph, "envs.errors": {"envs.factory"}}).static_order())


def test_no_folder_is_crowded():
    folders = [file.rpartition("/")[0] for file in tracked()]
    assert {f: folders.count(f) for f in folders if folders.count(f) > MOST_FILES} == {}
