"""The CartPole benchmark: contenders take turns, every run is saved, equal settings are equal."""

import json

import pytest

from rllib_zoo.benchmarks.peers.ours import VARIANTS
from rllib_zoo.benchmarks.settings import cartpole as settings
from rllib_zoo.benchmarks.speed.cartpole import BENCHMARK, CONTENDERS, PAIRS
from rllib_zoo.benchmarks.speed.contenders import Contender, select
from rllib_zoo.benchmarks.speed.rounds import main
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.check import validate


def test_pairs_name_contenders_and_contenders_files():
    names = [contender.name for contender in CONTENDERS]
    assert len(names) == len(set(names))
    assert {name for pair in PAIRS for name in (pair.ours, pair.peer)} <= set(names)
    for contender in CONTENDERS:
        assert contender.file is None or (ROOT / contender.file).is_file()
        assert contender.module != "ours" or contender.variant in VARIANTS


def test_contenders_are_selected_in_table_order():
    assert select(CONTENDERS, None) == select(CONTENDERS, []) == list(CONTENDERS)
    chosen = select(CONTENDERS, ["ours-ppo", "sb3-ppo"])
    assert [contender.name for contender in chosen] == ["sb3-ppo", "ours-ppo"]
    with pytest.raises(ValueError, match="unknown contender ours-pp: choose from sb3-ppo"):
        select(CONTENDERS, ["ours-pp"])


@pytest.mark.parametrize("name", ["ppo-as-sb3", "a2c-as-sb3", "ppo-as-rllib", "ppo-256"])
def test_our_variants_are_valid(name):
    run = VARIANTS[name]
    validate(Experiment("x", run.algorithm, run.env, run.settings(), {"timesteps_total": 1}))


def test_settings_equal_those_of_stable_baselines3():
    ours, theirs = settings.ours_as_sb3_ppo(), settings.SB3_PPO
    assert ours["num_envs_per_env_runner"] == theirs["n_envs"]
    assert ours["train_batch_size"] == theirs["n_envs"] * theirs["n_steps"]
    assert (ours["minibatch_size"], ours["num_epochs"]) == (
        theirs["batch_size"],
        theirs["n_epochs"],
    )
    assert (ours["gamma"], ours["lambda"]) == (theirs["gamma"], theirs["gae_lambda"])
    ours, theirs = settings.ours_as_sb3_a2c(), settings.SB3_A2C
    assert ours["train_batch_size"] == theirs["n_envs"] * theirs["n_steps"]


def test_settings_equal_those_of_rllib():
    network = settings.RLLIB_EXAMPLE_NETWORK
    ours = settings.ours_as_rllib(network)
    assert {key: ours[key] for key in settings.RLLIB_PPO} == settings.RLLIB_PPO
    assert ours["model"] == network
    games = settings.RLLIB_PPO["num_envs_per_env_runner"]
    assert ours["rollout_fragment_length"] * games == settings.RLLIB_PPO["train_batch_size"]


def test_runs_take_turns_and_every_run_is_saved(monkeypatch, tmp_path, capsys):
    seen = []

    def run(contender: Contender, mode, number, steps, threshold):
        done = len(list(tmp_path.glob("*.json"))) and len(
            json.loads((tmp_path / "cartpole-benchmark.json").read_text())["rows"]
        )
        seen.append((contender.name, mode, number, done))
        rate = {"ours-ppo": 300.0, "sb3-ppo": 100.0}[contender.name]
        return {
            "name": contender.name,
            "mode": mode,
            "round": number,
            "status": "ok",
            "steps_per_s": rate,
            "seconds_of_process": 1.0,
            "peak_pss_mib": 100.0,
        }

    monkeypatch.setattr("rllib_zoo.benchmarks.speed.rounds.run_contender", run)
    arguments = ["--only", "sb3-ppo", "ours-ppo", "--rounds", "2", "--out", str(tmp_path)]
    assert main("", BENCHMARK, arguments) == 0
    assert seen == [
        ("sb3-ppo", "speed", 0, 0),
        ("ours-ppo", "speed", 0, 1),
        ("sb3-ppo", "speed", 1, 2),
        ("ours-ppo", "speed", 1, 3),
    ]
    table = (tmp_path / "cartpole-benchmark.md").read_text()
    assert "| ours-ppo | sb3-ppo | 3.00 (3.00–3.00) |\n" in table
    assert main("", BENCHMARK, [*arguments, "--append"]) == 0
    assert capsys.readouterr().out.count("| 4 of 4 |") == 2
    assert len(json.loads((tmp_path / "cartpole-benchmark.json").read_text())["rows"]) == 8
