"""Config files with anything in the place of any value: good, or refused in one line."""

from __future__ import annotations

import copy

import yaml
from fuzzing import anything, fuzzed
from hypothesis import given
from hypothesis import strategies as st

from rllib_zoo.algorithms.base.schema import MODEL_KEYS, keys_of
from rllib_zoo.experiments.config.from_options import experiments_from_files
from rllib_zoo.experiments.config.load import CHECKPOINT_FIELDS, FIELDS
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.launch.resume import folder_of
from rllib_zoo.experiments.options import FileOptions
from rllib_zoo.experiments.sweeps.schedulers import make_scheduler
from rllib_zoo.experiments.sweeps.search import make_search
from rllib_zoo.experiments.validation.check import validate

# Larger networks than this are a question of memory, not of form.
LARGEST = 300
ENTRY = {
    "run": "PPO",
    "env": "CartPole-v1",
    "stop": {"training_iteration": 1},
    "checkpoint_config": {"num_to_keep": 2},
    "config": {
        "num_env_runners": 0,
        "train_batch_size": 256,
        "minibatch_size": 64,
        "model": {"fcnet_hiddens": [8], "custom_model_config": {}},
        "env_config": {},
    },
}
ALGORITHMS = ("A2C", "A3C", "DDPG", "DQN", "PG", "PPO")


@st.composite
def entries(draw):
    """An experiment with one to three values, of known keys or of made-up ones, that may be anything."""
    entry = copy.deepcopy(ENTRY)
    entry["run"] = algorithm = draw(st.sampled_from(ALGORITHMS))
    if algorithm != "PPO":
        entry["config"] = {"model": {"fcnet_hiddens": [8]}}
    places = {
        "entry": (entry, sorted(FIELDS)),
        "checkpoints": (entry["checkpoint_config"], sorted(CHECKPOINT_FIELDS)),
        "config": (entry["config"], sorted(keys_of(algorithm))),
        "model": (entry["config"]["model"], sorted(MODEL_KEYS)),
        "stop": (entry["stop"], ["timesteps_total", "episode_reward_mean", "time_total_s"]),
    }
    text = st.text(st.characters(codec="utf-8"), max_size=6)
    for _ in range(draw(st.integers(1, 3))):
        level, known = places[
            draw(st.sampled_from(("entry", "checkpoints", "stop") + ("config",) * 4 + ("model",)))
        ]
        key = draw(st.sampled_from(known) | text)
        level[key] = draw(anything(LARGEST))
    return entry


def test_any_value_anywhere_is_good_or_one_line(tmp_path):
    file, counts = tmp_path / "any.yaml", {"good": 0, "refused": 0}

    @fuzzed(60)
    @given(st.just("x") | st.just("y") | st.just("z") | st.text(max_size=8), entries())
    def one(name, entry):
        text = yaml.safe_dump({name: entry}, allow_unicode=True)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            for experiment in experiments_from_files([file], FileOptions()):
                checked = validate(experiment, cpus=2.0, gpus=0.0).experiment
                make_search(checked), make_scheduler(checked)
                folder_of(experiment)
            counts["good"] += 1
        except RequestError as error:
            for line in str(error).splitlines():
                assert line.isprintable()
                assert line.startswith(f"{file}: "), line
            counts["refused"] += 1

    one()
    assert min(counts.values()) >= 3, counts
