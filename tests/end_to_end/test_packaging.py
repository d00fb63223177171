"""What is installed: every file a package needs is in the wheel, and nothing ties it to one Python."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from rllib_zoo.experiments.paths import ROOT

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = DECLARED["tool"]["setuptools"]["packages"]
DIRECTORIES = DECLARED["tool"]["setuptools"]["package-dir"]
OLDEST = (3, 11)


def folder_of(package):
    """Where a package's files are in the checkout."""
    top = ".".join(package.split(".")[:2])
    return ROOT / DIRECTORIES[top] / Path(*package.split(".")[2:])


def files_of_packages():
    """Every file of the packages' folders that is tracked."""
    tops = sorted({folder_of(p).relative_to(ROOT).parts[0] for p in PACKAGES})
    words = ["git", "ls-files", *tops]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def declared_files():
    """What pyproject.toml puts into the wheel: file of the checkout → its name there."""
    data = DECLARED["tool"]["setuptools"]["package-data"]
    names = {}
    for package in PACKAGES:
        folder = folder_of(package)
        for pattern in ("*.py", *data.get(package, ())):
            for file in folder.glob(pattern):
                inside = Path(*package.split("."), file.relative_to(folder))
                names[str(file.relative_to(ROOT))] = inside.as_posix()
    return names


def test_every_file_of_the_packages_is_declared():
    assert set(DIRECTORIES.values()) >= {f.split("/")[0] for f in files_of_packages()}
    assert files_of_packages() - declared_files().keys() == set()


@pytest.mark.slow
def test_the_wheel_builds_and_holds_them_and_runs_without_the_checkout(tmp_path):
    """Needs the package index, for the tools that build it."""
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(words, check=True)
    (wheel,) = tmp_path.glob("rllib_zoo-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert set(declared_files().values()) - set(archive.namelist()) == set()
        archive.extractall(tmp_path / "in stalled")
    (tmp_path / "elsewhere").mkdir()
    run = (
        "import sys; sys.argv = ['rllib', *sys.argv[1:]]; "
        "from rllib_zoo.experiments.cli.main import main; main()"
    )
    for arguments, words in (
        (["example", "list"], "cartpole-ppo"),
        (["train", "--algo", "PPO", "--env", "CartPole-v1", "--dry-run",
          "--stop", "{training_iteration: 1}"], "cpus_per_trial"),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", run, *arguments],
            cwd=tmp_path / "elsewhere",
            env={
                "PYTHONPATH": str(tmp_path / "in stalled"),
                "PATH": "/usr/bin:/bin",
                "HOME": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert words in done.stdout


def test_no_newest_python_is_named():
    assert DECLARED["project"]["requires-python"] == f">={OLDEST[0]}.{OLDEST[1]}"


def test_the_code_is_of_the_oldest_python_and_asks_for_no_version():
    for name in files_of_packages():
        if name.endswith(".py"):
            tree = ast.parse((ROOT / name).read_text(), filename=name, feature_version=OLDEST)
            asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            assert not asked & {"version_info", "hexversion"}, name


def imports_of(file):
    """Modules that a file imports, anywhere in it; those of a ``from`` with the names behind it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("folder", "others"), [("analysis", ()), ("envs", ("class_path",)), ("custom_models", ("class_path",))]
)  # fmt: skip
def test_the_lower_layers_import_nothing_else_of_this_project(folder, others):
    files = sorted((ROOT / folder).rglob("*.py"))
    ours = {(f, m) for f in files for m in imports_of(f) if m.partition(".")[0] == "rllib_zoo"}
    assert len(files) > 3
    assert ours
    assert {(f, m) for f, m in ours if m.split(".")[1] not in (folder, *others)} == set()
