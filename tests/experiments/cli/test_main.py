"""The printed help, the start-up of the command, and commands of RLlib's first releases."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from rllib_zoo.experiments.cli.examples import example_file, examples
from rllib_zoo.experiments.cli.main import app, refuse_legacy
from rllib_zoo.experiments.config.files import require_file
from rllib_zoo.experiments.config.from_options import (
    experiment_from_options,
    experiments_from_files,
)
from rllib_zoo.experiments.config.overrides import parse_stop
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import FileOptions, TrainOptions
from rllib_zoo.experiments.paths import EXAMPLES as FOLDER

COMMANDS = [
    ("train",), ("train", "file"), ("evaluate",), ("report",), ("diff",), ("reproduce",),
    ("migrate",), ("example", "list"), ("example", "run"), ("agent", "export"), ("study", "run"),
]  # fmt: skip


def rllib(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "rllib_zoo.experiments.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def resolved(words):
    command = get_command(app)
    for word in words:
        command = command.commands[word]
    return command


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_word_of_an_options_help_is_printed(words):
    """Square brackets in it too, which Rich would take for markup."""
    printed = " ".join(rllib(*words, "--help").stdout.split())
    for option in resolved(words).params:
        if option.param_type_name == "option" and not option.hidden:
            assert option.opts[0] in printed
            assert " ".join((option.help or "").split()) in printed


def test_defaults_that_options_leave_open_are_named():
    printed = " ".join(rllib("train", "file", "--help").stdout.split())
    for default in ("1", "~/ray_results", "0", "yes", "training_iteration"):
        assert f"(default: {default})" in printed
    assert len(re.findall(r"\(default: all\)", printed)) == 3


def test_help_and_a_missing_file_import_no_ray():
    """They take a second with it."""
    script = (
        "import sys\n"
        "from rllib_zoo.experiments.cli.main import main\n"
        "sys.argv = ['rllib', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'ray', 'torch', 'pandas', 'rich'} & sys.modules.keys()\n"
        "    print('imported:', sorted(heavy), file=sys.stderr)\n"
    )
    missing = (["evaluate", "missing"], ["reproduce", "missing"], ["agent", "export", "missing"])
    missing = (*missing, ["train", "file", "missing.yaml"])
    for arguments in (["--help"], ["train", "file", "--help"], *missing):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
        )
        assert "imported: []" in done.stderr, (arguments, done.stderr)
        if arguments in missing:
            assert done.returncode == 2
            assert done.stderr.startswith(f"{arguments[-1]}: does not exist\n")


@pytest.mark.parametrize(
    ("old", "hint"),
    [
        ("rollout checkpoint --run PPO", "use rllib evaluate CHECKPOINT"),
        ("train -f a.yaml", "use rllib train file FILE"),
        ("train --config-file=a.yaml --torch", "use rllib train file FILE"),
    ],
)
def test_commands_of_the_first_releases_get_a_hint(old, hint):
    with pytest.raises(RequestError, match=re.escape(hint)):
        refuse_legacy(old.split())


@pytest.mark.parametrize("today", ["train file a.yaml", "example list -f pong", ""])
def test_commands_of_today_get_none(today):
    refuse_legacy(today.split())


def test_every_tuned_config_is_an_example():
    names = [example.name for example in examples()]
    assert names == sorted(
        file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.rglob("*.yaml")
    )
    assert "sweeps/cartpole-ppo" in names
    assert "cartpole-a2c" in names
    assert {example.name for example in examples("pong-")} == {n for n in names if "pong-" in n}


def test_an_example_is_found_by_name():
    assert example_file("pong-ppo").read_text() == (FOLDER / "pong-ppo.yaml").read_text()
    assert example_file("pong-ppo.yaml") == example_file("pong-ppo")
    with pytest.raises(RequestError, match="did you mean 'pong-ppo'"):
        example_file("pong-pppo")


def test_a_file_without_the_word_file_is_trained():
    """Its options too; those before it would belong to a training without files."""
    missing = rllib("train", "no/such.yaml", "--seeds", "0-3")
    assert missing.returncode == 2
    assert missing.stderr.startswith("no/such.yaml: does not exist")
    early = rllib("train", "--seeds", "0-3", "cartpole.yaml")
    assert (early.returncode, early.stderr) == (2, "--seeds: belongs after the files\n")


def test_a_missing_file_gets_the_nearest_one(tmp_path, monkeypatch):
    def hint(name):
        with pytest.raises(RequestError) as caught:
            require_file(Path(name))
        return caught.value.hint

    monkeypatch.chdir(tmp_path)
    assert hint("cartpole-ppo") == "did you mean rllib example run cartpole-ppo?"
    assert hint("tuned_configs/cartpol-ppo.yaml") == "did you mean rllib example run cartpole-ppo?"
    (tmp_path / "mine.yaml").touch()
    assert hint("mien.yaml") == "did you mean 'mine.yaml'?"
    assert hint("nothing-like-it.yaml") is None
    monkeypatch.chdir(FOLDER.parent)
    assert hint("pong-ppoo") == "did you mean 'tuned_configs/pong-ppo.yaml'?"


@pytest.mark.parametrize(
    ("options", "stop"),
    [
        (["timesteps_total=1000"], {"timesteps_total": 1000}),
        (["time_total_s=1e1", "env_runners/episode_return_mean=20"],
         {"time_total_s": 10, "env_runners/episode_return_mean": 20}),
        (['{"timesteps_total": 1000}'], {"timesteps_total": 1000}),
        (["{timesteps_total: 5}", "training_iteration = 3"],
         {"timesteps_total": 5, "training_iteration": 3}),
    ],
)  # fmt: skip
def test_stop_is_read_in_both_forms(options, stop):
    assert parse_stop(options) == stop


@pytest.mark.parametrize("text", ["1000", "timesteps_total", "=5", "a b=5"])
def test_other_forms_of_stop_are_refused(text):
    with pytest.raises(
        RequestError, match="is not RESULT=BOUND; for example --stop timesteps_total"
    ):
        parse_stop([text])


@pytest.mark.parametrize("name", ["ppo", "Ppo", "PPO"])
def test_algorithms_are_known_in_any_case(tmp_path, name):
    stop = ["training_iteration=1"]
    options = TrainOptions(algo=name, env="CartPole-v1", stop=stop)
    assert experiment_from_options(options).algorithm == "PPO"
    file = tmp_path / "x.yaml"
    file.write_text(f"x: {{alg: {name}, env: CartPole-v1, config: {{num_workers: 1}}}}")
    (experiment,) = experiments_from_files([file], FileOptions(stop=stop))
    assert experiment.algorithm == "PPO"
    assert experiment.config["num_env_runners"] == 1
