"""What is installed: every file a package needs is in the wheel, and nothing ties it to one Python."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = DECLARED["tool"]["setuptools"]["packages"]
OLDEST = (3, 11)


def files_of_packages():
    """Every file of the packages' folders that is tracked, as the wheel should name it."""
    listed = subprocess.run(
        ["git", "ls-files", *sorted({package.split(".")[0] for package in PACKAGES})],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(listed.stdout.splitlines())


def declared_files():
    """What pyproject.toml puts into the wheel."""
    data = DECLARED["tool"]["setuptools"]["package-data"]
    found = set()
    for package in PACKAGES:
        folder = ROOT / package.replace(".", "/")
        for pattern in ("*.py", *data.get(package, ())):
            found |= {str(file.relative_to(ROOT)) for file in folder.glob(pattern)}
    return found


def test_every_file_of_the_packages_is_declared():
    assert files_of_packages() - declared_files() == set()


@pytest.mark.slow
def test_the_wheel_builds_and_holds_them_and_runs_without_the_checkout(tmp_path):
    """Needs the package index, for the tools that build it."""
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(words, check=True)
    (wheel,) = tmp_path.glob("rllib_zoo-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert files_of_packages() - set(archive.namelist()) == set()
        archive.extractall(tmp_path / "in stalled")
    (tmp_path / "elsewhere").mkdir()
    run = (
        "import sys; sys.argv = ['rllib', *sys.argv[1:]]; "
        "from rllib_zoo.experiments.command import main; main()"
    )
    for arguments, words in (
        (["example", "list"], "cartpole-ppo"),
        (["train", "--algo", "PPO", "--env", "CartPole-v1", "--dry-run", "--no-estimate",
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
