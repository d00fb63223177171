"""Config files of strangers: they name things, and nothing else happens. One line, exit code 2."""

from __future__ import annotations

import gzip
import importlib
import json
import py_compile
import sys
from dataclasses import replace

import pytest
import yaml
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo.experiments.config.from_options import experiments_from_files
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.errors import MAX_LENGTH, RequestError
from rllib_zoo.experiments.launch.jobs import validate_job
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.options import FileOptions, prepare_imports
from rllib_zoo.experiments.reproduce.recorded_run import open_recorded_run
from rllib_zoo.experiments.spec.experiment import MAX_BYTES, Experiment
from rllib_zoo.experiments.validation.check import validate

ENTRY = {
    "run": "PPO",
    "env": "CartPole-v1",
    "stop": {"training_iteration": 1},
    "config": {"num_env_runners": 0},
}


@pytest.fixture
def file(tmp_path):
    """Write an entry under a name; ``file(text)`` writes the text as it is."""

    def write(name, **keys):
        target = tmp_path / "x.yaml"
        entry = {**ENTRY, **keys}
        target.write_text(name if not keys and "\n" in name else yaml.safe_dump({name: entry}))
        return target

    return write


def refusal(call, *arguments):
    with pytest.raises(RequestError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) <= 2 * MAX_LENGTH
    return message


def read_and_check(file):
    for experiment in read_experiments(file):
        validate(experiment, cpus=2.0, gpus=0.0)


# --- names and places --------------------------------------------------------------------------

CLIMBING = ["../../x", "..", ".", "/etc/x", "a/b", ".ssh", ""]
UNPRINTABLE = ["a\0b", "\x1b[2Jx", "two\nlines", "\u202ereversed", "\ud800"]
TOO_LONG = ["x" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1)]


@pytest.mark.parametrize("name", [*CLIMBING, *UNPRINTABLE, *TOO_LONG])
def test_no_name_leads_out_of_the_storage(file, name, tmp_path):
    words = "cannot name an experiment: it"
    if "\ud800" not in name:  # no file can hold one; an option can
        text = f"{json.dumps(name, ensure_ascii=name in UNPRINTABLE)}: {json.dumps(ENTRY)}\n"
        assert words in refusal(read_experiments, file(text))
    asked = FileOptions(experiment_name=name, storage_path=str(tmp_path))
    good = file("good", **ENTRY)
    assert words in refusal(lambda options: experiments_from_files([good], options), asked)
    (experiment,) = read_experiments(good)
    assert words in refusal(folder_of, replace(experiment, name=name))


def test_a_manifest_cannot_name_a_way_out_either(tmp_path):
    manifest = {
        "manifest_version": 1,
        "algorithm": "PPO",
        "env": "CartPole-v1",
        "config_given": {},
        "stop": {"training_iteration": 1},
        "experiment": "../../x",
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    original = open_recorded_run(tmp_path / "manifest.json")
    assert "cannot name an experiment" in refusal(folder_of, original.experiment)


def test_longest_and_strangest_names_that_are_folders(tmp_path):
    for name in ("x" * MAX_BYTES, "a b", "Größe (2)", "-n", "~", "$HOME", "[red]", "a..b"):
        experiment = Experiment(name, "PPO", "CartPole-v1", storage_path=str(tmp_path))
        assert folder_of(experiment) == tmp_path / name


@pytest.mark.parametrize("storage", ["a\0b", "\x1b[2J", "two\nlines"])
def test_a_storage_path_that_no_terminal_shows_is_refused(file, storage):
    (experiment,) = read_experiments(file("x", storage_path=storage))
    assert "storage_path: " in refusal(folder_of, experiment)


def test_results_never_go_through_a_link_that_leads_nowhere(file, tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "elsewhere")
    (experiment,) = read_experiments(file("x", storage_path=str(tmp_path)))
    message = refusal(validate_job, experiment, FileOptions())
    assert f"{tmp_path / 'x'} exists; use --resume" in message
    assert not (tmp_path / "elsewhere").exists()


# --- what is not a config file -----------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 50,
        b"\x7fELF\x02\x01\x01" + b"\0" * 5000,
        gzip.compress(b"good: {run: PPO}"),
        "good: {run: PPO}".encode("utf-16"),
        b"good: \xff",
        b"\0" * 100_000,
        b"a: 1\n" * 200_000,
    ],
    ids=["bytes", "program", "gzip", "utf-16", "latin", "zeros", "huge"],
)
def test_binary_and_huge_files_are_one_line(tmp_path, content):
    for ending in (".yaml", ".yml"):
        file = tmp_path / f"x{ending}"
        file.write_bytes(content)
        assert refusal(read_experiments, file).startswith(f"{file}: ")


@fuzzed(60)
@given(
    content=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_one_line(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    assert refusal(read_experiments, file).startswith(f"{file}: ")


# --- nothing but environments, networks and callbacks is called ---------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        {"env": "subprocess.Popen", "config": {"env_config": {"args": ["touch", "DONE"]}}},
        {"env": "os.mkdir", "config": {"env_config": {"path": "DONE"}}},
        {"env": "pathlib.Path", "config": {"env_config": {}}},
        {
            "config": {
                "num_env_runners": 0,
                "model": {
                    "custom_model": "subprocess.Popen",
                    "custom_model_config": {"args": ["touch", "DONE"]},
                },
            }
        },
        {"config": {"num_env_runners": 0, "callbacks_class": "os.abort"}},
        {"config": {"num_env_runners": 0, "callbacks_class": "no.such.Class"}},
    ],
)
def test_a_path_to_something_else_is_not_called(file, keys, tmp_path):
    done = tmp_path / "done"
    keys = json.loads(json.dumps(keys).replace("DONE", str(done)))
    assert refusal(read_and_check, file("x", **keys)).startswith(f"{tmp_path / 'x.yaml'}: ")
    assert not done.exists()


def test_a_callback_class_by_its_path_is_still_good(file):
    path = "ray.rllib.callbacks.callbacks.RLlibCallback"
    read_and_check(file("x", config={"num_env_runners": 0, "callbacks_class": path}))


# --- Python files ------------------------------------------------------------------------------

PYTHON = """
from rllib_zoo.algorithms.ppo import PPOConfig
config = PPOConfig().environment("CartPole-v1").env_runners(num_env_runners=0)
stop = {"training_iteration": 1}
"""


def test_compiled_code_beside_a_python_file_is_not_run(tmp_path):
    """What was read is what runs: Python would prefer a ``.pyc`` that says it needs no source."""
    file, other = tmp_path / "x.py", tmp_path / "other.py"
    file.write_text(PYTHON)
    other.write_text("raise SystemExit('not the file that was asked for')")
    compiled = importlib.util.cache_from_source(str(file))
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(other), cfile=compiled, invalidation_mode=mode)
    (experiment,) = read_experiments(file)
    assert experiment.algorithm == "PPO"


def test_a_python_file_brings_no_folder_of_modules_with_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("raise SystemExit('imported')")
    file = tmp_path / "x.py"
    file.write_text("import beside_it\n" + PYTHON)
    assert "No module named 'beside_it'" in refusal(read_experiments, file)


@pytest.mark.parametrize(
    "content", [b"\0\0", b"\xff\xfe", b"# coding: nonsense\n", b"(" * 5000, b"import os\nos._x()"]
)
def test_a_python_file_that_is_none_is_one_line(tmp_path, content):
    file = tmp_path / "x.py"
    file.write_bytes(content)
    assert refusal(read_experiments, file).startswith(f"{file}: ")


def test_a_python_file_in_another_encoding_is_read(tmp_path):
    file = tmp_path / "x.py"
    file.write_bytes(b"# coding: latin-1\nname = '\xe9'\n" + PYTHON.encode())
    (experiment,) = read_experiments(file)
    assert "name = 'é'" in experiment.text


def test_a_file_in_the_current_folder_is_not_taken_for_one_of_pythons(tmp_path, monkeypatch):
    (tmp_path / "colorsys.py").write_text("raise SystemExit('taken for the standard library')")
    (tmp_path / "my_own_world.py").write_text("here = True")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    prepare_imports(None)
    assert importlib.import_module("colorsys").rgb_to_hls(0, 0, 0) == (0, 0, 0)
    assert importlib.import_module("my_own_world").here
    monkeypatch.delitem(sys.modules, "my_own_world")
