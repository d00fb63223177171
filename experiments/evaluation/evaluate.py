"""`rllib evaluate`: complete episodes with a trained policy, raw returns and their interval."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from rllib_zoo import algorithms
from rllib_zoo.algorithms.base.validators import LARGEST_SEED, complaint, integer
from rllib_zoo.algorithms.env_runner.env_runner import VectorEnvRunner
from rllib_zoo.algorithms.env_runner.episodes import Episode
from rllib_zoo.algorithms.env_runner.running_moments import FILTER
from rllib_zoo.analysis.files.atomic import atomic_write, write_json
from rllib_zoo.analysis.files.object_storage import download, shown
from rllib_zoo.envs import EnvironmentRequestError, UnknownEnvironmentError, environment_name
from rllib_zoo.envs.restart_policy import error_line
from rllib_zoo.experiments.config.overrides import parse_mapping
from rllib_zoo.experiments.errors import IMPORT_HINT, RequestError, first_line
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, Agent, open_agent
from rllib_zoo.experiments.evaluation.checkpoints import (
    Checkpoint,
    open_checkpoint,
    require_algorithm,
)
from rllib_zoo.experiments.evaluation.play import play
from rllib_zoo.experiments.evaluation.video import (
    FRAMES,
    WINDOW,
    drawing_env,
    record_episodes,
)
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.validation.check import EVALUATION_SEEDS
from rllib_zoo.experiments.validation.keys import check_config, check_custom_model
from rllib_zoo.experiments.validation.preflight import require_writable

# Environments stepped together: many for speed, few enough to exceed --steps only slightly.
NUM_ENVS = 10
OUT_SUFFIXES = (".csv", ".json")
VIDEO_EPISODES = 3

# Both have a folder, an algorithm, a config, a filter_state and load_weights().
Trained = Checkpoint | Agent


@dataclass(frozen=True)
class Score:
    """Mean undiscounted return with its 95 % interval, mean ± half_width.

    Attributes:
        half_width: t₀.₉₇₅,ₙ₋₁ · s/√n of n episodes; NaN for a single one.
        std: sample standard deviation s; NaN for a single episode.
        steps: agent steps in all episodes.
        cut: episodes that ``--max-steps`` cut; they count with their return so far.
    """

    mean: float
    half_width: float
    std: float
    minimum: float
    maximum: float
    episodes: int
    steps: int
    cut: int

    def as_json(self) -> dict[str, Any]:
        """The fields, with null for NaN."""
        return {key: None if value != value else value for key, value in vars(self).items()}


def score_of(episodes: list[Episode]) -> Score:
    """The score of one or more episodes."""
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
        cut=sum(episode.cut for episode in episodes),
    )


def evaluate_checkpoint(path: Path, options: EvaluateOptions) -> Score:
    """Evaluate, print the score, and write the requested files. Does not start Ray.

    Raises:
        RequestError: invalid checkpoint or option.
    """
    _check_options(options)
    download(path, results=False)
    trained = open_trained(path, trusted=options.trust_checkpoint)
    if options.algo is not None:
        require_algorithm(trained, algorithms.canonical(options.algo), key="--algo")
    runner = evaluation_runner(trained, options)
    episodes = _recorded(runner, options)
    episodes += play(runner, options, episodes)
    score = score_of(episodes)
    _print(trained, runner.config.env, score, options)
    if options.out is not None:
        write_episodes(Path(options.out), episodes)
    runner.stop()
    return score


def _recorded(runner: VectorEnvRunner, options: EvaluateOptions) -> list[Episode]:
    """The first episodes, as videos or in a window if that was requested.

    Raises:
        RequestError: the environment cannot draw.
    """
    video, most = options.video, options.episodes or VIDEO_EPISODES
    folder = None if video is None else Path(video)
    # Both are built before anything is played.
    env = None if folder is None else drawing_env(runner, FRAMES)
    window = drawing_env(runner, WINDOW) if options.render else None
    episodes: list[Episode] = []
    acting: dict[str, Any] = {"explore": options.explore, "max_steps": options.max_steps}
    if env is not None:
        number = min(VIDEO_EPISODES, most)
        episodes += record_episodes(runner, env, folder, number, **acting)
    if window is not None:
        number = min(1, most - len(episodes)) if options.episodes else 1
        episodes += record_episodes(runner, window, None, number, **acting)
    return episodes


def open_trained(path: Path, *, trusted: bool = False) -> Trained:
    """An exported agent, or the checkpoint at or below a folder.

    Raises:
        RequestError: neither, damaged, or a checkpoint of unknown origin that is not ``trusted``.
    """
    if (path / AGENT_FILE).exists():
        return open_agent(path)
    return open_checkpoint(path, trusted=trusted)


def evaluation_runner(trained: Trained, options: EvaluateOptions) -> VectorEnvRunner:
    """An environment runner with the trained network; its observation filter is not updated.

    Raises:
        RequestError: the environment cannot be built, or does not match the network.
    """
    config = trained.config
    changes = parse_mapping(options.config, what="--config")
    check_config(trained.algorithm, changes, "--config")
    config.update_from_dict(changes)
    if options.env is not None:
        config.env = options.env
    config.num_env_runners = 0
    config.num_envs_per_env_runner = min(NUM_ENVS, options.episodes or NUM_ENVS)
    config.seed = options.seed
    config.in_evaluation = True
    if not algorithms.descriptor(trained.algorithm).on_policy:
        # RLlib's runner steps single environments; here all copies are stepped together.
        config.gym_env_vectorize_mode = "vector_entry_point"
    if (custom := config._model_config.get("custom_model")) is not None:
        check_custom_model(custom, config._model_config.get("custom_model_config", {}), "model")
    try:
        own = config.env_runner_cls
        runner_class = own if issubclass(own, VectorEnvRunner) else VectorEnvRunner
        runner = runner_class(config=config, worker_index=0)
        trained.load_weights(runner.module)
    except RequestError:
        raise
    except UnknownEnvironmentError as error:
        raise RequestError(f"{trained.folder}: {error}", hint=IMPORT_HINT) from error
    except EnvironmentRequestError as error:
        missing = isinstance(error.__cause__, ImportError)
        hint = "run the command in the folder with that module" if missing else None
        raise RequestError(f"{trained.folder}: {error}", hint=hint) from error
    except (ValueError, RuntimeError) as error:
        problem = f"{trained.folder} does not match {config.env!r}: {first_line(error)}"
        raise RequestError(problem) from error
    except Exception as error:  # the environment's and the network's own code runs here
        problem = (
            f"{trained.folder} cannot play {environment_name(config.env)!r}: {error_line(error)}"
        )
        raise RequestError(problem) from error
    if trained.filter_state is not None:
        runner.set_moments({FILTER: trained.filter_state})
    return runner


def _print(trained: Trained, env: Any, score: Score, options: EvaluateOptions) -> None:
    if options.json_:
        policy = {
            "checkpoint": shown(trained.folder),
            "algorithm": trained.algorithm,
            "env": str(env),
        }
        play_options = {
            "seed": options.seed,
            "explore": options.explore,
            "max_steps": options.max_steps,
        }
        print(json.dumps({**policy, **play_options, **score.as_json()}))
        return
    actions = "sampled actions" if options.explore else "most probable actions"
    interval = f"± {score.half_width:.1f} (95 % interval), standard deviation {score.std:.1f}"
    if score.episodes == 1:
        interval = "(one episode: no interval)"
    cut = f", {score.cut} of them cut at --max-steps {options.max_steps}" if score.cut else ""
    print(f"{trained.algorithm} on {env}, {actions}, seed {options.seed}")
    print(
        f"mean return {score.mean:.1f} {interval}; {score.minimum:.1f} to {score.maximum:.1f} "
        f"over {score.episodes} episodes{cut}, {score.steps:,} steps"
    )


def write_episodes(file: Path, episodes: list[Episode]) -> None:
    """Write one row per episode in the order played, as CSV or JSON by the file's suffix."""
    rows = [
        {
            "episode": number,
            "episode_return": episode.episode_return,
            "length": episode.length,
            "cut": episode.cut,
        }
        for number, episode in enumerate(episodes)
    ]
    if file.suffix == ".json":
        write_json(file, rows, indent=2)
        return
    with atomic_write(file) as draft, draft.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _check_options(options: EvaluateOptions) -> None:
    if options.episodes < 0 or options.steps < 0:
        raise RequestError("--episodes and --steps must not be negative")
    if options.episodes == 0 and options.steps == 0:
        raise RequestError("--episodes 0 and --steps 0 would never end; set one of them")
    require_max_steps(options.max_steps)
    if options.out is not None and Path(options.out).suffix not in OUT_SUFFIXES:
        suffixes = ", ".join(OUT_SUFFIXES)
        raise RequestError(f"{options.out!r} must end in one of {suffixes}", key="--out")
    require_seed(options.seed)
    if options.out is not None:
        require_writable(Path(options.out), "--out")
    if options.video is not None:
        require_writable(Path(options.video) / "episode-0.mp4", "--video")


def require_max_steps(max_steps: int | None) -> None:
    """Check the option ``--max-steps``.

    Raises:
        RequestError: it is below 1.
    """
    if max_steps is not None and max_steps < 1:
        raise RequestError(f"must be at least 1, got {max_steps}", key="--max-steps")


def require_seed(seed: int) -> None:
    """Check the option ``--seed``; evaluation's own offset and that of several agents fit, too.

    Raises:
        RequestError: it is negative, or too large for RLlib's global seeds.
    """
    largest = LARGEST_SEED - EVALUATION_SEEDS - 1
    if problem := complaint(integer(0, largest), seed):
        raise RequestError(problem, key="--seed")
