"""From checkpoints to an agent folder: the best one, its weights without pickle, its score measured."""

from __future__ import annotations

import datetime
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_zoo import algorithms
from rllib_zoo.analysis.files.atomic import write_json
from rllib_zoo.analysis.files.result_json import map_results
from rllib_zoo.analysis.files.trials import PARAMS, RESULT, read_object
from rllib_zoo.experiments.config.python_loader import differences
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import (
    ACTING_KEYS,
    AGENT_FILE,
    FORMAT_VERSION,
    WEIGHTS_FILE,
    digest,
    open_agent,
)
from rllib_zoo.experiments.evaluation.checkpoints import (
    Checkpoint,
    final_checkpoints,
    find_checkpoint,
    open_checkpoint,
)
from rllib_zoo.experiments.evaluation.evaluate import (
    Score,
    Trained,
    evaluation_runner,
    play,
    score_of,
)
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import AGENTS
from rllib_zoo.experiments.provenance.manifest import (
    jsonable,
    machine,
    package_versions,
    read_manifest,
)


def source_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Where a checkpoint comes from, as far as its trial and experiment say; None where they do not."""
    trial = checkpoint.folder.absolute().parent
    manifest = read_manifest(trial.parent)
    row = _result_of(trial / RESULT, checkpoint.iteration)
    file = manifest.get("source")
    return {
        "experiment": manifest.get("experiment"),
        # An absolute path would name one machine's folders.
        "config_file": Path(file).name if file and Path(file).is_absolute() else file,
        "seed": read_object(trial / PARAMS).get("seed", checkpoint.config.seed),
        "iterations": checkpoint.iteration,
        "steps": row.get("num_env_steps_sampled_lifetime"),
        "episode_return_mean": (row.get("env_runners") or {}).get("episode_return_mean"),
        "git": manifest.get("git"),
        "date": manifest.get("finished"),
    }


def _result_of(file: Path, iteration: int | None) -> dict[str, Any]:
    """The result of an iteration; empty without one."""

    def if_it(result: dict[str, Any]) -> dict[str, Any] | None:
        return result if result.get("training_iteration") == iteration else None

    return next(filter(None, map_results(file, if_it)), {})


@dataclass(frozen=True)
class Candidate:
    """A checkpoint that may become the agent.

    Attributes:
        checkpoint: opened.
        source: what its run's files say of it, see :func:`source_of`.
        greedy: mean greedy return, NaN where there was nothing to choose from.
    """

    checkpoint: Checkpoint
    source: Mapping[str, Any]
    greedy: float = math.nan


def export(
    runs: Sequence[Path],
    output: Path | None,
    *,
    episodes: int,
    seed: int,
    force: bool,
    trusted: bool = False,
) -> Path:
    """Make an agent folder of the best final checkpoint of some runs, and measure its score.

    Where there are several, all play ``episodes`` greedy episodes with another seed than the agent's
    score is measured with: a score that was chosen for being high is too high.

    Args:
        runs: checkpoint, trial or experiment folders of one algorithm on one environment.
        output: folder to make; None: ``<env>-<algorithm>`` below
            :data:`rllib_zoo.experiments.paths.AGENTS`.
        episodes: how many make a score.
        seed: of that score.
        force: move an existing folder aside instead of refusing.
        trusted: open checkpoints whoever made them.

    Returns:
        The folder.

    Raises:
        RequestError: nothing to export, several things, or the folder exists.
    """
    if episodes < 1:
        raise RequestError("must be at least 1", key="--episodes")
    folders = [folder for run in runs for folder in _checkpoints(run)]
    candidates = [_candidate(folder, trusted) for folder in folders]
    kinds = sorted({f"{c.checkpoint.algorithm} on {_env_of(c.checkpoint)}" for c in candidates})
    if len(kinds) > 1:
        raise RequestError(f"several things cannot become one agent: {', '.join(kinds)}")
    folder = _named(output) if output else AGENTS / _name(candidates[0].checkpoint)
    if folder.exists() and not force:
        raise RequestError(f"{folder} exists; --force moves it aside, --output names another one")
    chosen = best(candidates, episodes, seed + 1)
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _write(draft, chosen, folder, episodes, seed)
        if folder.exists():
            folder.rename(folder.with_name(f"{folder.name}.{time.strftime('%Y%m%d-%H%M%S')}"))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _named(output: Path) -> Path:
    """The folder to make, with a name of its own.

    Raises:
        RequestError: it is the current folder or around it.
    """
    here, wanted = Path.cwd().resolve(), output.resolve()
    if wanted == here or wanted in here.parents:
        problem = f"{output} is the folder you are in, or around it; name one to make"
        raise RequestError(problem, key="--output")
    return output if output.name != ".." else wanted


def best(candidates: list[Candidate], episodes: int, seed: int) -> Candidate:
    """The candidate with the highest mean greedy return; of equal ones the best in training."""
    if len(candidates) == 1:
        return candidates[0]
    played = []
    for candidate in candidates:
        score = _score(candidate.checkpoint, episodes, seed, explore=False)
        played.append(Candidate(candidate.checkpoint, candidate.source, score.mean))
    chosen = max(played, key=lambda c: (c.greedy, c.source["episode_return_mean"] or -math.inf))
    how = f"highest mean return of {episodes} greedy episodes, seed {seed}"
    source = {**chosen.source, "chosen_of": len(candidates), "chosen_by": how}
    return Candidate(chosen.checkpoint, source, chosen.greedy)


def _checkpoints(run: Path) -> list[Path]:
    return final_checkpoints(run) or [find_checkpoint(run)]


def _candidate(folder: Path, trusted: bool) -> Candidate:
    checkpoint = open_checkpoint(folder, trusted=trusted)
    return Candidate(checkpoint, source_of(checkpoint))


def _score(trained: Trained, episodes: int, seed: int, *, explore: bool) -> Score:
    options = EvaluateOptions(episodes=episodes, seed=seed, explore=explore)
    runner = evaluation_runner(trained, options)
    score = score_of(play(runner, options))
    runner.stop()
    return score


def _write(folder: Path, chosen: Candidate, final: Path, episodes: int, seed: int) -> None:
    """Write the agent without a score, open what was written, and let that play."""
    checkpoint = chosen.checkpoint
    folder.mkdir(parents=True)
    parameters = _write_weights(checkpoint, folder / WEIGHTS_FILE)
    description = {
        **_description(checkpoint),
        "weights": {"sha256": digest(folder / WEIGHTS_FILE), "parameters": parameters},
        "source": chosen.source,
        "exported": {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "packages": package_versions(),
            "machine": machine(),
        },
        "evaluation": None,
    }
    write_json(folder / AGENT_FILE, description)
    try:
        description["evaluation"] = {
            "seed": seed,
            "greedy": jsonable_score(_score(open_agent(folder), episodes, seed, explore=False)),
            "sampled": jsonable_score(_score(open_agent(folder), episodes, seed, explore=True)),
        }
    except RequestError as error:
        problem = f"{checkpoint.folder} cannot be exported: {error.problem}"
        raise RequestError(problem, file=final, key=error.key, hint=error.hint) from None
    write_json(folder / AGENT_FILE, description)


def _description(checkpoint: Checkpoint) -> dict[str, Any]:
    """Algorithm, environment, network and settings, only what differs from the defaults."""
    given = differences(checkpoint.config)
    network = algorithms.descriptor(checkpoint.algorithm).agent_keys
    acting = [key for key in (*ACTING_KEYS, *network) if key in given]
    moments = checkpoint.filter_state
    return {
        "format_version": FORMAT_VERSION,
        "algorithm": checkpoint.algorithm,
        "env": _env_of(checkpoint),
        "env_config": jsonable(given.get("env_config", {})),
        "model": jsonable(given.get("model", {})),
        "settings": {key: jsonable(given[key]) for key in acting},
        "observation_filter": None
        if moments is None
        else {
            "count": float(moments["count"]),
            "mean": moments["mean"].tolist(),
            "squared_deviations": moments["squared_deviations"].tolist(),
        },
    }


def _write_weights(checkpoint: Checkpoint, file: Path) -> int:
    """The network's tensors, as the evaluation loads them; how many numbers they hold."""
    from safetensors.torch import save_file

    runner = evaluation_runner(checkpoint, EvaluateOptions(episodes=1))
    # Tensors in channels-last order are written in the logical one.
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in runner.module.state_dict().items()
    }
    runner.stop()
    save_file(tensors, file)
    file.chmod(0o666 & ~_umask())  # the library leaves it readable to its owner alone
    return sum(tensor.numel() for tensor in tensors.values())


def _umask() -> int:
    """Asking for the mask means setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def jsonable_score(score: Score) -> dict[str, Any]:
    """A score as JSON holds it: no interval (of a single episode) is null."""
    return {key: None if value != value else value for key, value in vars(score).items()}


def _env_of(checkpoint: Checkpoint) -> str:
    return str(jsonable(checkpoint.config.env))


def _name(checkpoint: Checkpoint) -> str:
    """`ALE/Pong-v5` and PPO → `pong-ppo`, as the tuned configs are named."""
    env = _env_of(checkpoint).rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    stem, _, version = env.rpartition("-v")
    return f"{stem if stem and version.isdigit() else env}-{checkpoint.algorithm}".lower()
