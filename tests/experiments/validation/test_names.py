"""All mistakes of a file at once: a line each, in the file's order, without the imports of a training."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ray.rllib.models.catalog import MODEL_DEFAULTS

from rllib_zoo.custom_models.model_keys import RLLIB_MODEL_KEYS
from rllib_zoo.experiments.config.from_options import experiments_from_files
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.options import FileOptions

WRONG = """\
wrong:
  runn: PPO
  env: CartPole-v1
  nam_samples: 3
  stop: {timesteps_totl: 1000, training_iteration: -1}
  config:
    lrr: 0.001
    gamma: "0.9"
    env_config: {sutton_barto_rewrd: true}
    model:
      fcnet_activation: tanhh
      custom_model: custom_models.SharedEncoderActorCritic
      custom_model_config: {policy_hidens: [3]}
    evaluation_config: {explor: false}
  checkpoint_config: {num_to_kep: 3}
"""
LINES = [
    "runn: is unknown; did you mean 'run'?",
    "nam_samples: is unknown; did you mean 'num_samples'?",
    "stop.timesteps_totl: unknown result name; did you mean 'timesteps_total'?",
    "stop.training_iteration: must be a number above 0, got -1",
    "config.lrr: is not a key of PPO; did you mean 'lr'?",
    "config.gamma: must be a number of at least 0 and at most 1, got '0.9' "
    "(remove the quotes or the stray comma)",
    "config.env_config.sutton_barto_rewrd: is not an option of CartPole-v1; "
    "did you mean 'sutton_barto_reward'?",
    "config.model: custom_model_config key 'policy_hidens' is unknown; "
    "did you mean 'policy_hiddens'?",
    "config.model.fcnet_activation: must be an activation such as tanh, relu, elu, silu or linear, "
    "got 'tanhh'",
    "config.evaluation_config.explor: is not a key of PPO; did you mean 'explore'?",
    "checkpoint_config.num_to_kep: is unknown; did you mean 'num_to_keep'?",
]
ENTRY = "{{run: {run}, env: {env}, stop: {stop}, config: {config}}}"


def lines_of(*files, **options):
    with pytest.raises(RequestError) as caught:
        experiments_from_files(list(files), FileOptions(**options))
    return str(caught.value).splitlines()


@pytest.fixture
def entry(tmp_path):
    """A file of one experiment."""

    def write(run="PPO", env="CartPole-v1", stop="{training_iteration: 1}", config="{}", name="x"):
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"{name}: " + ENTRY.format(run=run, env=env, stop=stop, config=config))
        return file

    return write


def test_every_mistake_of_a_file_has_its_line_in_the_files_order(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    assert lines_of(file) == [f"{file}: {line}" for line in LINES]


def test_mistakes_of_several_files_and_experiments_are_named_by_both(tmp_path, entry):
    first, missing = entry(config="{lrr: 1}"), tmp_path / "y.yaml"
    two = tmp_path / "two.yaml"
    two.write_text(
        "a: {run: A2C, env: CartPole-v1, stop: {training_iteration: 1}, config: {lrr: 1}}\n"
        "b: {run: PPO, env: CartPole-v1, config: {clip_parm: 1}}\n"
    )
    assert lines_of(first, missing, two) == [
        f"{missing}: does not exist",
        f"{first}: config.lrr: is not a key of PPO; did you mean 'lr'?",
        f"{two}: a.config.lrr: is not a key of A2C; did you mean 'lr'?",
        f"{two}: b.config.clip_parm: is not a key of PPO; did you mean 'clip_param'?",
        f"{two}: b.stop: missing stop rule; stop: {{timesteps_total: 100000}}",
    ]


@pytest.mark.parametrize(
    ("wrong", "lines"),
    [
        # One mistake is one line, whatever else depends on it.
        ({"env": "CartPoll-v1", "config": "{env_config: {anything: 1}}"}, ["env: environment"]),
        ({"run": "nonsense", "config": "{clip_param: 1}"}, ["run: algorithm 'nonsense'"]),
        (
            {"run": "PPOO", "config": "{clip_parm: 1}"},
            ["run: algorithm 'PPOO'", "config.clip_parm"],
        ),
        ({"env": "ALE/Pongg-v5", "config": "{env_config: {skip: 1}}"}, ["env: environment 'ALE"]),
        (
            {"env": "ALE/Pong-v5", "config": "{env_config: {frame_skip: 3, noop_max: -3}}"},
            [
                "config.env_config: env_config key 'frame_skip'",
                "config.env_config: env_config noop_max",
            ],
        ),
        ({"stop": "5"}, ["stop: must map"]),
    ],
)
def test_a_mistake_has_no_consequences(entry, wrong, lines):
    file = entry(**wrong)
    reported = lines_of(file)
    assert len(reported) == len(lines)
    for line, start in zip(reported, lines, strict=True):
        assert line.startswith(f"{file}: {start}")


def test_scheduler_and_search_are_checked_with_the_rest(tmp_path):
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "x:\n  run: PPO\n  env: CartPole-v1\n  stop: {timesteps_total: 1000}\n"
        "  metric: env_runners/episode_return_mean\n  scheduler: {type: asha, max_tt: 5}\n"
        "  config: {lrr: {uniform: [0.1, 0.2]}}\n"
    )
    scheduler, key = lines_of(file)
    assert scheduler.startswith(f"{file}: scheduler.max_tt: is unknown; did you mean 'max_t'?")
    assert key == f"{file}: config.lrr: is not a key of PPO; did you mean 'lr'?"


def test_keys_of_the_model_are_those_of_the_installed_rllib():
    assert sorted(RLLIB_MODEL_KEYS) == sorted(MODEL_DEFAULTS)


def test_mistakes_cost_no_import_of_ray_and_torch(tmp_path):
    """It takes four seconds."""
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG.replace("CartPole-v1", "ALE/Pong-v5"))
    script = (
        "import sys\n"
        "from rllib_zoo.experiments.cli.main import main\n"
        "sys.argv = ['rllib', 'train', 'file', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n    print({'ray', 'torch', 'pandas'} & sys.modules.keys())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == "set()\n"
    assert len(done.stderr.splitlines()) == len(LINES)
