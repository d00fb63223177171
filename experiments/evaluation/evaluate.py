"""`rllib evaluate`: whole episodes with a trained policy, raw returns, honest spread."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy import stats

from rllib_zoo import algorithms
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.evaluation import play_episodes
from rllib_zoo.algorithms.env_runner.running_moments import FILTER
from rllib_zoo.analysis.files.atomic import atomic_write, write_json
from rllib_zoo.envs import EnvironmentRequestError
from rllib_zoo.experiments.config.overrides import parse_mapping
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, Agent, open_agent
from rllib_zoo.experiments.evaluation.checkpoints import Checkpoint, open_checkpoint
from rllib_zoo.experiments.evaluation.video import record_episodes
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.validation.keys import check_config

# Environments stepped together: enough to be quick, few enough that a --steps budget is not
# overshot by much.
NUM_ENVS = 10
OUT_SUFFIXES = (".csv", ".json")
VIDEO_EPISODES = 3

# What can be played: both have a folder, an algorithm, a config, a filter_state and load_weights().
Trained = Checkpoint | Agent


@dataclass(frozen=True)
class Score:
    """Mean return with its 95 % interval.

    Attributes:
        mean: of the episodes' undiscounted returns.
        half_width: of the interval mean ± t₀.₉₇₅,ₙ₋₁ · s/√n; NaN for a single episode.
        std: sample standard deviation; NaN for a single episode.
        minimum: lowest return.
        maximum: highest return.
        episodes: n.
        steps: agent steps in all.
    """

    mean: float
    half_width: float
    std: float
    minimum: float
    maximum: float
    episodes: int
    steps: int


def score_of(episodes: list[Episode]) -> Score:
    """Summarise one or more episodes (Student's t interval)."""
    returns = np.array([episode.episode_return for episode in episodes])
    number = len(returns)
    std = float(returns.std(ddof=1)) if number > 1 else math.nan
    factor = float(stats.t.ppf(0.975, number - 1)) if number > 1 else math.nan
    return Score(
        mean=float(returns.mean()),
        half_width=factor * std / math.sqrt(number),
        std=std,
        minimum=float(returns.min()),
        maximum=float(returns.max()),
        episodes=number,
        steps=sum(episode.length for episode in episodes),
    )


def evaluate_checkpoint(path: Path, options: EvaluateOptions) -> Score:
    """Evaluate, print, and write what the options ask for. Ray is not started.

    Raises:
        RequestError: wrong checkpoint or option.
    """
    _require_usable(options)
    trained = open_trained(path, trusted=options.trust_checkpoint)
    if options.algo is not None and options.algo != trained.algorithm:
        raise RequestError(
            key="--algo",
            problem=f"checkpoint {trained.folder} is of {trained.algorithm}, not {options.algo}",
        )
    runner = evaluation_runner(trained, options)
    episodes = play(runner, options)
    score = score_of(episodes)
    _print(trained, runner.config.env, score, options)
    if options.out is not None:
        write_episodes(Path(options.out), episodes)
    if options.video is not None:
        record_episodes(runner, Path(options.video), VIDEO_EPISODES, explore=options.explore)
    if options.render:
        record_episodes(runner, None, 1, explore=options.explore)
    runner.stop()
    return score


def open_trained(path: Path, *, trusted: bool = False) -> Trained:
    """An exported agent, or the checkpoint at or below a folder.

    Args:
        path: the folder.
        trusted: open a checkpoint whoever made it; agents hold no code.

    Raises:
        RequestError: neither, damaged, or a checkpoint that is not the user's own.
    """
    if (path / AGENT_FILE).exists():
        return open_agent(path)
    return open_checkpoint(path, trusted=trusted)


def evaluation_runner(trained: Trained, options: EvaluateOptions) -> VectorEnvRunner:
    """A runner with the trained network, its filter frozen.

    Raises:
        RequestError: the environment cannot be built, or does not fit the network.
    """
    config = trained.config
    given = parse_mapping(options.config, what="--config")
    check_config(trained.algorithm, given, "--config")
    config.update_from_dict(given)
    if options.env is not None:
        config.env = options.env
    config.num_env_runners = 0
    config.num_envs_per_env_runner = min(NUM_ENVS, options.episodes or NUM_ENVS)
    config.seed = options.seed
    config.in_evaluation = True
    if not algorithms.descriptor(trained.algorithm).on_policy:
        # RLlib's runner names it for single copies; ours plays all of them together.
        config.gym_env_vectorize_mode = "vector_entry_point"
    try:
        runner = _runner_class(config)(config=config, worker_index=0)
        trained.load_weights(runner.module)
    except (EnvironmentRequestError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RequestError(
            problem=f"{trained.folder} does not fit {config.env!r}: {reason}"
        ) from error
    if trained.filter_state is not None:
        runner.set_moments({FILTER: trained.filter_state})
    return runner


def _runner_class(config: Any) -> type[VectorEnvRunner]:
    """The configuration's own, where it is one of ours."""
    own = config.env_runner_cls
    return own if issubclass(own, VectorEnvRunner) else VectorEnvRunner


def play(runner: VectorEnvRunner, options: EvaluateOptions) -> list[Episode]:
    """So many episodes, or whole rounds of episodes until the steps are spent."""
    if options.episodes:
        rounds = -(-options.episodes // runner.num_envs)
        left, episodes = options.episodes, []
        for _ in track(range(rounds), "playing", console=Console(stderr=True), transient=True):
            number = min(runner.num_envs, left)
            episodes += play_episodes(runner, number, explore=options.explore)
            left -= number
        return episodes
    episodes = []
    while sum(episode.length for episode in episodes) < options.steps:
        episodes += play_episodes(runner, runner.num_envs, explore=options.explore)
    return episodes


def _print(trained: Trained, env: Any, score: Score, options: EvaluateOptions) -> None:
    if options.json_:
        numbers = {key: None if value != value else value for key, value in vars(score).items()}
        print(
            json.dumps(
                {
                    "checkpoint": str(trained.folder),
                    "algorithm": trained.algorithm,
                    "env": str(env),
                    "seed": options.seed,
                    "explore": options.explore,
                    **numbers,
                }
            )
        )
        return
    how = "sampled actions" if options.explore else "most probable actions"
    interval = (
        "one episode: no interval"
        if score.episodes == 1
        else (f"± {score.half_width:.1f} (95 % interval), standard deviation {score.std:.1f}")
    )
    print(f"{trained.algorithm} on {env}, {how}, seed {options.seed}")
    print(
        f"mean return {score.mean:.1f} {interval}; {score.minimum:.1f} to {score.maximum:.1f} "
        f"over {score.episodes} episodes, {score.steps:,} steps"
    )


def write_episodes(file: Path, episodes: list[Episode]) -> None:
    """One row per episode, in the order played: CSV or JSON by the file's ending."""
    rows = [
        {"episode": i, "episode_return": episode.episode_return, "length": episode.length}
        for i, episode in enumerate(episodes)
    ]
    if file.suffix == ".json":
        write_json(file, rows, indent=2)
        return
    with atomic_write(file) as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _require_usable(options: EvaluateOptions) -> None:
    if options.episodes < 0 or options.steps < 0:
        raise RequestError(problem="--episodes and --steps must not be negative")
    if options.episodes == 0 and options.steps == 0:
        raise RequestError(problem="--episodes 0 and --steps 0 would never end; set one of them")
    if options.out is not None and Path(options.out).suffix not in OUT_SUFFIXES:
        raise RequestError(
            key="--out", problem=f"{options.out!r} must end in one of {', '.join(OUT_SUFFIXES)}"
        )
