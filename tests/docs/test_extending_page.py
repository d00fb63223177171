"""The files of docs/extending.md are written as they stand there, checked, and (slow) its commands run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pytest

from rllib_zoo.experiments.config.from_options import experiments_from_files
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.validation.check import validate

PAGE = (ROOT / "docs" / "extending.md").read_text()
# A file begins with its name as a comment.
FILE = re.compile(r"^```(?:python|yaml)\n(# (\S+)\n.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECTIONS = dict(
    re.findall(r"^## (Your own [\w ]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)


@pytest.fixture(params=SECTIONS)
def section(request, tmp_path, monkeypatch):
    """The text of a section, whose files are in the current folder."""
    text = SECTIONS[request.param]
    for content, name in FILE.findall(text):
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield text
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").exists():
            del sys.modules[name]


def commands_of(text):
    return [
        shlex.split(line, comments=True)
        for body in COMMANDS.findall(text)
        for line in body.splitlines()
    ]


def test_there_are_three_sections_with_files_and_commands():
    assert len(SECTIONS) == 3
    for text in SECTIONS.values():
        assert len(FILE.findall(text)) == 2
        assert commands_of(text)[0][:2] == ["rllib", "train"]


def test_the_files_of_a_section_pass_every_check(section, tmp_path):
    configs = sorted(tmp_path.glob("*.yaml"))
    assert len(configs) == 1
    (experiment,) = experiments_from_files(configs, FileOptions())
    validated = validate(experiment, cpus=2.0, gpus=0.0)
    assert validated.config.env is not None


@pytest.mark.slow
@pytest.mark.ray
def test_the_commands_of_a_section_run(section, tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path)}
    for program, *words in commands_of(section.replace("~/", f"{tmp_path}/")):
        assert program == "rllib"
        done = subprocess.run(
            [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *words],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
