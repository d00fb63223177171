"""Every config file that is shipped is well-formed, sourced, and only says what it decides."""

from __future__ import annotations

import pytest

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.base.schema import ALIASES
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.python_loader import ATTRIBUTE_KEYS
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.spec.changes import deep_copy
from rllib_zoo.experiments.validation.check import validate

FOLDER = ROOT / "tuned_configs"
FILES = sorted(f for f in FOLDER.rglob("*") if f.suffix in (".yaml", ".yml", ".py"))
YAML_FILES = [f for f in FILES if f.suffix != ".py"]
HEADER_WORDS = ("source", "budget", "seeds", "result", "machine")

all_files = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(FOLDER)))
yaml_files = pytest.mark.parametrize("file", YAML_FILES, ids=lambda f: str(f.relative_to(FOLDER)))


def test_the_first_file_is_there():
    assert FOLDER / "cartpole-ppo.yaml" in FILES


@all_files
def test_it_passes_the_checks(file):
    for experiment in read_experiments(file):
        assert validate(experiment).config.env is not None


@yaml_files
def test_the_name_in_the_file_is_the_files(file):
    # A sweep's results must not go to the folder of the file it varies.
    name = file.stem + ("-sweep" if file.parent.name == "sweeps" else "")
    assert [experiment.name for experiment in read_experiments(file)] == [name]


@all_files
def test_the_header_says_where_the_numbers_come_from(file):
    lines = file.read_text().splitlines()
    header = " ".join(line for line in lines if line.lstrip().startswith("#")).lower()
    if file.suffix == ".py":
        header += file.read_text().split('"""')[1].lower()
    assert [word for word in HEADER_WORDS if word not in header] == []


@all_files
def test_it_fits_one_screen(file):
    assert len(file.read_text().splitlines()) <= 60


@all_files
def test_no_key_repeats_the_default(file):
    """A line that changes nothing is no decision."""
    attributes = {key: attribute for attribute, key in ATTRIBUTE_KEYS.items()}
    for experiment in read_experiments(file):
        default = config_class(experiment.algorithm)()
        same = []
        for key, value in deep_copy(experiment.config).items():
            name = ALIASES.get(key, key)
            if getattr(default, attributes.get(name, name)) == value:
                same.append(key)
        assert same == []
