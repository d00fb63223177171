"""Exported agents: they act as their checkpoints, and damage is reported in one line."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from rllib_zoo.algorithms import config_class
from rllib_zoo.algorithms.base.checkpoints import write_checksums
from rllib_zoo.experiments.cli.agent import agent_list
from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, WEIGHTS_FILE, digest, open_agent
from rllib_zoo.experiments.evaluation.agent_table import agent_folders, filled, table
from rllib_zoo.experiments.evaluation.checkpoints import MODULE_FOLDER
from rllib_zoo.experiments.evaluation.evaluate import (
    evaluation_runner,
    open_trained,
    play,
    score_of,
)
from rllib_zoo.experiments.evaluation.export import export, source_of
from rllib_zoo.experiments.evaluation.model_card import (
    CARD_FILE,
    CONFIG_FILE,
    CURVE_FILE,
    CURVE_IMAGE,
)
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.provenance.trust import mark_as_own

SHIPPED = ROOT / "results" / "agents"
OPTIONS = {
    "num_env_runners": 0,
    "num_envs_per_env_runner": 4,
    "train_batch_size": 64,
    "observation_filter": "MeanStdFilter",
    "model": {"fcnet_hiddens": [8]},
    "log_sys_usage": False,
}


@pytest.fixture(scope="module")
def checkpoints(ray_session, tmp_path_factory):
    """Two trials' checkpoints of a briefly trained A2C, with an observation filter."""
    folder = tmp_path_factory.mktemp("run") / "tiny"
    for seed in (0, 1):
        config = config_class("A2C")().environment("CartPole-v1")
        algorithm = config.update_from_dict({**OPTIONS, "seed": seed}).build_algo()
        rows = [algorithm.train() for _ in range(3)]
        trial = folder / f"trial{seed}"
        algorithm.save_to_path(trial / "checkpoint_000000")
        algorithm.stop()
        (trial / "params.json").write_text(json.dumps({"seed": seed}))
        kept = ("training_iteration", "num_env_steps_sampled_lifetime")
        lines = [json.dumps({key: row[key] for key in kept}) for row in rows]
        (trial / "result.json").write_text("\n".join(lines) + "\n")
    assert mark_as_own(folder)
    return folder


def test_the_agents_of_the_checkout_are_listed_in_any_folder(tmp_path, monkeypatch):
    here = CliRunner().invoke(app, ["agent", "list"])
    monkeypatch.chdir(tmp_path)
    assert here.exit_code == 0
    assert CliRunner().invoke(app, ["agent", "list"]).stdout == here.stdout


def test_the_source_of_a_checkpoint_is_read_behind_a_cut_line(tmp_path):
    row = {"training_iteration": 2, "num_env_steps_sampled_lifetime": 300}
    other = {**row, "training_iteration": 3}
    cut = json.dumps({**row, "config": {"lr": 0.1}})[:-1]
    (tmp_path / "result.json").write_text(cut + json.dumps(row) + "\n[1]\n" + json.dumps(other))
    folder = tmp_path / "checkpoint_000001"
    checkpoint = SimpleNamespace(folder=folder, iteration=2, config=SimpleNamespace(seed=4))
    source = source_of(checkpoint)
    assert (source["iterations"], source["steps"], source["seed"]) == (2, 300, 4)


@pytest.fixture(scope="module")
def exported(checkpoints, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agents") / "tiny"
    return export([checkpoints], folder, episodes=3, seed=5, force=False)


@pytest.fixture
def agent(exported, tmp_path):
    """A copy to damage."""
    return Path(shutil.copytree(exported, tmp_path / "tiny"))


def change(agent, **fields):
    file = agent / AGENT_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def returns_of(path, *, explore):
    options = EvaluateOptions(episodes=12, seed=3, explore=explore)
    runner = evaluation_runner(open_trained(path), options)
    episodes = play(runner, options)
    runner.stop()
    return [episode.episode_return for episode in episodes]


@pytest.mark.parametrize("explore", [False, True])
def test_an_agent_plays_as_its_checkpoint(checkpoints, exported, explore):
    seed = open_agent(exported).description["source"]["seed"]
    assert returns_of(exported, explore=explore) == returns_of(
        checkpoints / f"trial{seed}", explore=explore
    )
    other = checkpoints / f"trial{1 - seed}"
    assert returns_of(exported, explore=True) != returns_of(other, explore=True)


def test_the_description_says_what_was_chosen_and_measured(checkpoints, exported):
    description = open_agent(exported).description
    source = description["source"]
    rows = (checkpoints / f"trial{source['seed']}" / "result.json").read_text().splitlines()
    steps = json.loads(rows[-1])["num_env_steps_sampled_lifetime"]
    assert (source["iterations"], source["steps"], source["chosen_of"]) == (3, steps, 2)
    assert source["chosen_by"] == "highest mean return of 3 greedy episodes, seed 6"
    means = []
    for seed in (0, 1):
        options = EvaluateOptions(episodes=3, seed=6)
        runner = evaluation_runner(open_trained(checkpoints / f"trial{seed}"), options)
        means.append(score_of(play(runner, options)).mean)
        runner.stop()
    assert means[source["seed"]] == max(means)
    assert description["evaluation"]["seed"] == 5
    assert description["evaluation"]["greedy"]["episodes"] == 3
    assert description["settings"] == {"observation_filter": "MeanStdFilter"}
    assert description["observation_filter"]["count"] > steps / 2


def test_agent_and_card_are_written_and_readable_by_all(exported):
    names = {
        AGENT_FILE,
        WEIGHTS_FILE,
        CARD_FILE,
        CURVE_FILE,
        CURVE_IMAGE,
    }  # without a manifest no config
    assert {file.name for file in exported.iterdir()} == names
    assert len({file.stat().st_mode for file in exported.iterdir()}) == 1
    assert "rllib evaluate tiny --episodes 100" in (exported / CARD_FILE).read_text()


def test_an_existing_folder_is_kept(checkpoints, agent):
    before = (agent / AGENT_FILE).read_bytes()
    with pytest.raises(RequestError, match="exists; --force renames it"):
        export([checkpoints], agent, episodes=1, seed=0, force=False)
    export([checkpoints / "trial0"], agent, episodes=1, seed=0, force=True)
    (aside,) = [path for path in agent.parent.iterdir() if path.name.startswith("tiny.")]
    assert (aside / AGENT_FILE).read_bytes() == before
    assert (agent / AGENT_FILE).read_bytes() != before


def test_runs_without_a_checkpoint_are_one_line(tmp_path):
    with pytest.raises(RequestError, match="contains no checkpoint"):
        export([tmp_path], tmp_path / "agent", episodes=1, seed=0, force=False)
    assert list(tmp_path.iterdir()) == []


# --- no pickle -------------------------------------------------------------------------------

HOOKED = """
import sys
from pathlib import Path
from rllib_zoo.experiments.evaluation.evaluate import evaluate_checkpoint
from rllib_zoo.experiments.options import EvaluateOptions

seen, pickles = [], (".pkl", ".pickle")

def watch(event, arguments):
    if event == "pickle.find_class" or (event == "open" and str(arguments[0]).endswith(pickles)):
        seen.append(event)

sys.addaudithook(watch)
for folder in sys.argv[1:]:
    seen.clear()
    evaluate_checkpoint(Path(folder), EvaluateOptions(episodes=2, max_steps=3))
    print("seen", len(seen))
"""


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ.get("BOMB", "exploded"),))


@pytest.fixture(scope="module")
def seen_of(checkpoints, exported, tmp_path_factory):
    """Folder, or its name below the temporary one → how often playing it unpickled, in one process.

    The last is a checkpoint; ``exploded`` in place of a number: whether a pickle's code ran.
    """
    folder = tmp_path_factory.mktemp("hooked")
    agent = Path(shutil.copytree(exported, folder / "agent"))
    for name in ("class_and_ctor_args.pkl", "algorithm_state.pkl", "weights.pkl"):
        (agent / name).write_bytes(pickle.dumps(Bomb()))
    played = [str(agent), *map(str, agent_folders(SHIPPED)), str(checkpoints / "trial0")]
    done = subprocess.run(
        [sys.executable, "-c", HOOKED, *played],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BOMB": str(folder / "exploded")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    numbers = [
        int(line.removeprefix("seen ")) for line in done.stdout.splitlines() if "seen" in line
    ]
    seen = dict(zip(played, numbers, strict=True))
    return seen | {"agent": seen[played[0]], "checkpoint": seen[played[-1]],
                   "exploded": (folder / "exploded").exists()}  # fmt: skip


def test_playing_an_agent_unpickles_nothing(seen_of):
    """Not even a pickle beside its files, under a checkpoint's name; of a checkpoint, the hook sees it."""
    assert seen_of["agent"] == 0
    assert seen_of["checkpoint"] > 0
    assert not seen_of["exploded"]


def test_no_shipped_agent_is_unpickled(seen_of):
    folders = [str(folder) for folder in agent_folders(SHIPPED)]
    assert len(folders) >= 6
    assert [seen_of[folder] for folder in folders] == [0] * len(folders)


def test_pickled_weights_are_refused(agent, tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    file = agent / WEIGHTS_FILE
    torch.save({"weight": Bomb()}, file)
    change(agent, weights={"sha256": digest(file), "parameters": 1})
    with pytest.raises(RequestError, match=r"weights\.safetensors: cannot be read: .*header"):
        returns_of(agent, explore=False)
    assert not (tmp_path / "exploded").exists()


# --- damage ----------------------------------------------------------------------------------


def truncated(agent):
    file = agent / WEIGHTS_FILE
    file.write_bytes(file.read_bytes()[:-4])


def truncated_and_signed(agent):
    truncated(agent)
    change(agent, weights={"sha256": digest(agent / WEIGHTS_FILE)})


def reshaped(agent):
    file = agent / WEIGHTS_FILE
    tensors = load_file(file)
    name = min(tensors)
    save_file({**tensors, name: np.zeros((3, 3), np.float32)}, file)
    change(agent, weights={"sha256": digest(file)})


def one_less(agent):
    file = agent / WEIGHTS_FILE
    tensors = load_file(file)
    tensors.pop(min(tensors))
    save_file(tensors, file)
    change(agent, weights={"sha256": digest(file)})


def with_tensor(convert):
    """Replace the first tensor, by name, by what a function makes of it."""

    def replace(agent):
        file = agent / WEIGHTS_FILE
        tensors = load_file(file)
        name = min(tensors)
        save_file({**tensors, name: convert(tensors[name].copy())}, file)
        change(agent, weights={"sha256": digest(file)})

    return replace


def with_number(value):
    """The second number of a tensor replaced."""

    def convert(tensor):
        tensor.flat[1] = value
        return tensor

    return convert


def without(key):
    def remove(agent):
        file = agent / AGENT_FILE
        description = json.loads(file.read_text())
        description.pop(key)
        file.write_text(json.dumps(description))

    return remove


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: (a / WEIGHTS_FILE).unlink(), "weights.safetensors: is missing"),
        (truncated, "weights.safetensors: is damaged or was replaced"),
        (truncated_and_signed, "weights.safetensors: cannot be read"),
        (reshaped, "has shape [3, 3], the network requires ["),
        (one_less, "is not in the file"),
        (with_tensor(with_number(np.nan)), "bias is not finite: 1 of 8 numbers, the first is nan"),
        (with_tensor(with_number(-np.inf)), "bias is not finite: 1 of 8 numbers, the first is -inf"),
        (
            with_tensor(lambda t: with_number(1e300)(t.astype(np.float64))),
            "bias is not finite: 1 of 8 numbers, the first is inf",
        ),
        (with_tensor(lambda t: t.astype(np.int32)), "has dtype int32, the network requires float32"),
        (with_tensor(lambda t: t > 0), "has dtype bool, the network requires float32"),
        (lambda a: change(a, enviroment="x"), "enviroment: is unknown"),
        (without("model"), "agent.json: model: is missing"),
        (lambda a: change(a, model=[]), "agent.json: model: has an invalid value"),
        (lambda a: change(a, format_version=2), "format_version: is 2; this release reads 1"),
        (lambda a: change(a, algorithm="PP0"), "algorithm: 'PP0' is unknown; did you mean 'PPO'?"),
        (lambda a: change(a, settings={"autocats": True}), "did you mean 'autocast'?"),
        (lambda a: change(a, model={"fcnet_hidens": [8]}), "did you mean 'fcnet_hiddens'?"),
        (lambda a: change(a, env="CartPole-v7"), "CartPole-v7"),
        (lambda a: change(a, observation_filter={"count": 1}), "must contain count, mean"),
        (lambda a: (a / AGENT_FILE).write_text("{"), "agent.json: cannot be read"),
        (lambda a: (a / AGENT_FILE).write_text("[]"), "must be a mapping"),
        (lambda a: (a / AGENT_FILE).write_text("[" * 100_000), "agent.json: cannot be read"),
    ],
)  # fmt: skip
def test_damage_is_one_line(agent, damage, message):
    damage(agent)
    with pytest.raises(RequestError) as caught:
        returns_of(agent, explore=False)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_other_precision_are_weights(agent):
    with_tensor(lambda tensor: tensor.astype(np.float16))(agent)
    assert len(returns_of(agent, explore=False)) > 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "is not finite: 1 of 8 numbers, the first is nan"),
        (3, "has dtype int64, the network requires float32"),
    ],
)
def test_a_checkpoints_broken_weights_are_refused(checkpoints, tmp_path, value, message):
    folder = Path(shutil.copytree(checkpoints / "trial0" / "checkpoint_000000", tmp_path / "own"))
    file = folder / MODULE_FOLDER / "module_state.pkl"
    weights = pickle.loads(file.read_bytes())
    name = min(weights)
    broken = np.array(weights[name])
    if isinstance(value, int):
        broken = broken.astype(np.int64)
    broken.flat[1] = value
    file.write_bytes(pickle.dumps({**weights, name: broken}))
    write_checksums(folder, 3)
    assert mark_as_own(folder)
    for command in (["evaluate", str(folder)], ["agent", "export", str(folder), "-o", "new"]):
        with pytest.raises(RequestError) as caught:
            CliRunner().invoke(app, command, catch_exceptions=False)
        assert f"module_state.pkl: tensor {name} {message}" in str(caught.value)
    assert not Path("new").exists()


# --- the table and what is shipped -----------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda a: change(a, evaluation={"greedy": {}}),
            "agent.json: evaluation.greedy: must contain the numbers episodes, mean, half_width",
        ),
        (
            lambda a: change(a, evaluation={"sampled": 3}),
            "evaluation.sampled: must contain the numbers",
        ),
        (lambda a: (a / WEIGHTS_FILE).unlink(), "weights.safetensors: is missing"),
    ],
)
def test_a_damaged_agent_in_the_table_is_one_line(tmp_path, damage, message):
    agent = shutil.copytree(SHIPPED / "pong-ppo", tmp_path / "pong-ppo")
    damage(agent)
    with pytest.raises(RequestError) as caught:
        table(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_page_is_whole_or_as_it_was(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("<!-- agents:begin -->\nold\n<!-- agents:end -->\n")
    before, write = page.read_text(), Path.write_text

    def full(file, text, **more):
        write(file, text[:10], **more)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RequestError, match="cannot be written: No space left"):
        agent_list(SHIPPED, page)
    assert page.read_text() == before
    assert list(tmp_path.iterdir()) == [page]
    monkeypatch.undo()
    (link := tmp_path / "link.md").symlink_to(page)
    agent_list(SHIPPED, link)
    assert link.is_symlink()
    assert "`pong-ppo`" in page.read_text()


@pytest.mark.parametrize("output", [".", "..", "/", "x/.."])
def test_the_current_folder_is_no_agent_to_make(checkpoints, output, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=r"--output: .* is the current folder or a parent of it"):
        export([checkpoints / "trial0"], Path(output), episodes=1, seed=0, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_page_shows_the_shipped_agents():
    page = (ROOT / "docs" / "agents.md").read_text()
    assert filled(page, table(SHIPPED)) == page, "run: rllib agent list --write docs/agents.md"
    with pytest.raises(RequestError, match="lacks the markers of the table"):
        filled("no markers", "")


@pytest.mark.parametrize("folder", agent_folders(SHIPPED), ids=lambda folder: folder.name)
def test_a_shipped_agent_is_small_and_says_where_it_comes_from(folder):
    files = list(folder.iterdir())
    card = {CARD_FILE, CONFIG_FILE, CURVE_FILE, CURVE_IMAGE}
    assert {file.name for file in files} == {AGENT_FILE, WEIGHTS_FILE} | card
    assert sum(file.stat().st_size for file in files) <= 2 * 2**20
    description = open_agent(folder).description
    source = description["source"]
    assert all(source[key] is not None for key in ("experiment", "seed", "steps", "date"))
    assert (ROOT / source["config_file"]).exists()
    assert len(source["git"]["commit"]) == 40
    assert description["evaluation"]["greedy"]["episodes"] >= 20


@pytest.mark.parametrize("name", ["cartpole-a2c", "cartpole-a3c", "cartpole-ppo"])
def test_a_shipped_agent_plays(name):
    options = EvaluateOptions(episodes=1)
    runner = evaluation_runner(open_agent(SHIPPED / name), options)
    (episode,) = play(runner, options)
    runner.stop()
    assert episode.episode_return > 400


@pytest.mark.slow
@pytest.mark.parametrize("folder", agent_folders(SHIPPED), ids=lambda folder: folder.name)
@pytest.mark.parametrize("how", ["greedy", "sampled"])
def test_a_shipped_score_is_measured_again(folder, how):
    """With another seed: both intervals must meet. Where no return varied, 1 % of it is allowed."""
    agent = open_agent(folder)
    stated, seed = agent.description["evaluation"][how], agent.description["evaluation"]["seed"]
    options = EvaluateOptions(
        episodes=stated["episodes"], seed=seed + 100, explore=how == "sampled"
    )
    runner = evaluation_runner(agent, options)
    score = score_of(play(runner, options))
    runner.stop()
    allowed = max(stated["half_width"] + score.half_width, 0.01 * abs(stated["mean"]))
    assert abs(score.mean - stated["mean"]) <= allowed, (score.mean, stated["mean"], allowed)
