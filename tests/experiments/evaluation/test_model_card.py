"""Model cards: what the agent's own files give, in a form that Hugging Face reads."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil

import pytest
import yaml

from rllib_zoo.analysis.files.curve_csv import read_rows
from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE
from rllib_zoo.experiments.evaluation.model_card import (
    CARD_FILE,
    CONFIG_FILE,
    CURVE_FILE,
    CURVE_IMAGE,
    experiment_of,
    write_card,
    write_training,
)
from rllib_zoo.experiments.paths import AGENTS, ROOT

SHIPPED = sorted(file.parent for file in AGENTS.glob(f"*/{AGENT_FILE}"))


def front_matter(card):
    return yaml.safe_load(card.read_text().split("---\n")[1])


@pytest.fixture
def agent(tmp_path):
    """A copy of a shipped agent under another name."""
    return shutil.copytree(AGENTS / "pong-ppo", tmp_path / "mine")


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda folder: folder.name)
def test_the_cards_of_the_checkout_are_what_their_folders_give(shipped, tmp_path):
    copy = shutil.copytree(shipped, tmp_path / shipped.name)
    (copy / CURVE_IMAGE).unlink()
    card = write_card(copy, licence="apache-2.0")
    assert card.read_text() == (shipped / CARD_FILE).read_text(), "run: make gallery"
    pinned = re.search(r"^matplotlib==(\S+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    if pinned and pinned[1] == importlib.metadata.version("matplotlib"):
        same = (copy / CURVE_IMAGE).read_bytes() == (shipped / CURVE_IMAGE).read_bytes()
        assert same, "run: make gallery"


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda folder: folder.name)
def test_curve_and_configuration_are_those_of_the_weights(shipped):
    description = json.loads((shipped / AGENT_FILE).read_text())
    source, last = description["source"], read_rows(shipped / CURVE_FILE)[-1]
    assert last["steps"] == source["steps"]
    assert last["return_mean"] == pytest.approx(source["episode_return_mean"], rel=1e-4)
    (experiment,) = read_experiments(shipped / CONFIG_FILE)
    assert (experiment.algorithm, experiment.env) == (description["algorithm"], description["env"])
    assert list(experiment.seeds) == [source["seed"]]


def test_the_metadata_hold_the_measured_score(agent):
    score = json.loads((agent / AGENT_FILE).read_text())["evaluation"]["greedy"]
    data = front_matter(write_card(agent))
    assert "license" not in data
    (entry,) = data["model-index"]
    (result,) = entry["results"]
    assert result["task"]["type"] == "reinforcement-learning"
    assert result["dataset"]["type"] == "ALE/Pong-v5"
    (metric,) = result["metrics"]
    assert metric["type"] == "mean_reward"
    mean, deviation = map(float, metric["value"].split(" +/- "))
    assert (mean, deviation) == pytest.approx((score["mean"], score["std"]), abs=0.005)
    # 20.733 ± 0.168 is in the text, with the name of the folder and steps in frames.
    text = (agent / CARD_FILE).read_text()
    for part in (
        "20.73 [20.57, 20.90]",
        "| 30 |",
        "rllib evaluate mine",
        "| 7,204,852 |",
        "human 14.6",
    ):
        assert part in text


def test_an_agent_without_score_and_records_says_how_to_measure_it(agent):
    description = json.loads((agent / AGENT_FILE).read_text())
    (agent / AGENT_FILE).write_text(json.dumps({**description, "evaluation": None}))
    for name in (CONFIG_FILE, CURVE_FILE, CURVE_IMAGE):
        (agent / name).unlink()
    card = write_card(agent)
    assert "model-index" not in front_matter(card)
    text = card.read_text()
    assert "Not evaluated. `rllib evaluate mine --episodes 100`" in text
    assert CURVE_IMAGE not in text
    assert "rllib train file mine" not in text
    assert "configuration of training was not recorded" in text


def test_a_trial_of_a_grid_becomes_a_file_with_its_values(tmp_path):
    manifest = {
        "experiment": "grid", "algorithm": "A2C", "env": "CartPole-v1", "stop": {"timesteps_total": 10},
        "request": {"time_budget_s": 60},
        "config_given": {"lr": {"grid_search": [0.1, 0.2]}, "gamma": 0.9},
    }  # fmt: skip
    params = {"env": "CartPole-v1", "lr": 0.2, "gamma": 0.9, "seed": 7}
    expected = {
        "env": "CartPole-v1", "run": "A2C", "stop": {"timesteps_total": 10}, "seeds": [7],
        "config": {"lr": 0.2, "gamma": 0.9}, "time_budget_s": 60,
    }  # fmt: skip
    assert experiment_of(manifest, params) == {"grid": expected}
    trial, folder = tmp_path / "grid" / "trial", tmp_path / "agent"
    trial.mkdir(parents=True)
    folder.mkdir()
    write_training(folder, trial)
    assert not list(folder.iterdir())  # nothing was recorded
    (trial.parent / "manifest.json").write_text(json.dumps(manifest))
    (trial / "params.json").write_text(json.dumps(params))
    rows = [
        {"num_env_steps_sampled_lifetime": 10 * n, "training_iteration": n} for n in range(1, 1001)
    ]
    (trial / "result.json").write_text("\n".join(map(json.dumps, rows)))
    write_training(folder, trial)
    assert yaml.safe_load((folder / CONFIG_FILE).read_text()) == {"grid": expected}
    assert [row["steps"] for row in read_rows(folder / CURVE_FILE)[:3]] == [10, 50, 100]
