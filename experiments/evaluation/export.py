"""Exporting the best of some checkpoints as an agent: weights without pickle, and measured scores."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rllib_zoo import algorithms
from rllib_zoo.analysis.files.atomic import atomic_folder, free_name, write_json
from rllib_zoo.analysis.files.object_storage import download
from rllib_zoo.analysis.files.result_json import map_results
from rllib_zoo.analysis.files.trials import PARAMS, RESULT, read_object
from rllib_zoo.experiments.config.python_loader import differences
from rllib_zoo.experiments.console import note
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import (
    ACTING_KEYS,
    AGENT_FILE,
    FILTER_FIELDS,
    FORMAT_VERSION,
    WEIGHTS_FILE,
    digest,
    open_agent,
)
from rllib_zoo.experiments.evaluation.checkpoints import (
    Checkpoint,
    candidates,
    open_checkpoint,
)
from rllib_zoo.experiments.evaluation.evaluate import (
    Score,
    Trained,
    evaluation_runner,
    require_max_steps,
    require_seed,
    score_of,
)
from rllib_zoo.experiments.evaluation.model_card import write_card, write_training
from rllib_zoo.experiments.evaluation.play import play
from rllib_zoo.experiments.options import EvaluateOptions
from rllib_zoo.experiments.paths import AGENTS
from rllib_zoo.experiments.provenance.manifest import (
    jsonable,
    machine,
    package_versions,
    read_manifest,
)
from rllib_zoo.experiments.validation.preflight import require_writable


def source_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint's origin according to the files of its trial and experiment; None if unknown."""
    trial = checkpoint.folder.absolute().parent
    manifest = read_manifest(trial.parent)
    row = _result_of(trial / RESULT, checkpoint.iteration)
    file = manifest.get("source")
    return {
        "experiment": manifest.get("experiment"),
        # An absolute path is meaningless on other machines.
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


def export(
    runs: Sequence[Path],
    output: Path | None,
    *,
    episodes: int,
    seed: int,
    force: bool,
    max_steps: int | None = None,
    trusted: bool = False,
    licence: str | None = None,
) -> Path:
    """Export the best final checkpoint of some runs as an agent folder, and measure its score.

    Several checkpoints are compared by ``episodes`` greedy episodes each, with another seed than the
    agent's score is measured with: a score chosen for being the highest is biased upwards.

    Args:
        runs: checkpoint, trial or experiment folders of one algorithm on one environment.
        output: folder to create and return; None: ``<env>-<algorithm>`` below
            :data:`rllib_zoo.experiments.paths.AGENTS`.
        episodes: per score.
        seed: of the agent's score.
        force: rename an existing folder instead of raising.
        max_steps: agent steps after which an episode is cut; None: never.
        trusted: also open checkpoints of unknown origin.
        licence: for the agent's card; None: none is stated.

    Raises:
        RequestError: no checkpoint, several tasks, or the folder exists.
    """
    if episodes < 1:
        raise RequestError("must be at least 1", key="--episodes")
    require_seed(seed)
    require_max_steps(max_steps)
    measured = EvaluateOptions(episodes=episodes, seed=seed, max_steps=max_steps)
    for run in runs:
        download(run)
    opened = [open_checkpoint(f, trusted=trusted) for run in runs for f in candidates(run)]
    tasks = sorted({f"{c.algorithm} on {_env_of(c)}" for c in opened})
    if len(tasks) > 1:
        raise RequestError(f"several tasks cannot become one agent: {', '.join(tasks)}")
    folder = _output_folder(output) if output else AGENTS / _name(opened[0])
    require_writable(folder / AGENT_FILE, "--output")
    if folder.exists() and not force:
        raise RequestError(f"{folder} exists; --force renames it, --output sets another folder")
    checkpoint, source = best(opened, replace(measured, seed=seed + 1))
    if len(opened) > 1:
        note(f"{checkpoint.folder} is exported: of {len(opened)} the {source['chosen_by']}")
    with atomic_folder(folder, aside=free_name(folder)) as draft:
        _write(draft, checkpoint, source, folder, measured)
        write_training(draft, checkpoint.folder.absolute().parent)
        write_card(draft, name=folder.name, licence=licence)
        if folder.exists() and not force:  # another export has been faster
            raise RequestError(f"{folder} exists since this export began; --force renames it")
    return folder


def _output_folder(output: Path) -> Path:
    """The folder to create, which must not be the current folder or a parent of it."""
    current, resolved = Path.cwd().resolve(), output.resolve()
    if resolved == current or resolved in current.parents:
        problem = f"{output} is the current folder or a parent of it; choose a new folder"
        raise RequestError(problem, key="--output")
    return output if output.name != ".." else resolved


def best(opened: list[Checkpoint], options: EvaluateOptions) -> tuple[Checkpoint, dict[str, Any]]:
    """The checkpoint with the highest mean greedy return, of equal ones the best in training; its source."""
    if len(opened) == 1:
        return opened[0], source_of(opened[0])

    def order(checkpoint: Checkpoint) -> tuple[float, float]:
        score = _score(checkpoint, options, explore=False)
        trained = source_of(checkpoint)["episode_return_mean"]
        return score.mean, -math.inf if trained is None else trained

    checkpoint = max(opened, key=order)
    rule = f"highest mean return of {options.episodes} greedy episodes, seed {options.seed}"
    chosen = {"chosen_of": len(opened), "chosen_by": rule}
    return checkpoint, {**source_of(checkpoint), **chosen}


def _score(trained: Trained, options: EvaluateOptions, *, explore: bool) -> Score:
    options = replace(options, explore=explore)
    runner = evaluation_runner(trained, options)
    score = score_of(play(runner, options))
    runner.stop()
    return score


def _write(
    folder: Path,
    checkpoint: Checkpoint,
    source: dict[str, Any],
    final: Path,
    options: EvaluateOptions,
) -> None:
    """Write the agent without a score, then measure the score of the written files."""
    parameters = _write_weights(checkpoint, folder / WEIGHTS_FILE)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    description = {
        **_description(checkpoint),
        "weights": {"sha256": digest(folder / WEIGHTS_FILE), "parameters": parameters},
        "source": source,
        "exported": {"date": today, "packages": package_versions(), "machine": machine()},
        "evaluation": None,
    }
    write_json(folder / AGENT_FILE, description)
    try:
        scores = {
            name: _score(open_agent(folder), options, explore=name == "sampled").as_json()
            for name in ("greedy", "sampled")
        }
        bound = {} if options.max_steps is None else {"max_steps": options.max_steps}
        description["evaluation"] = {"seed": options.seed, **bound, **scores}
    except RequestError as error:
        problem = f"{checkpoint.folder} cannot be exported: {error.problem}"
        raise RequestError(problem, file=final, key=error.key, hint=error.hint) from None
    write_json(folder / AGENT_FILE, description)


def _description(checkpoint: Checkpoint) -> dict[str, Any]:
    """Algorithm, environment, network and settings that differ from the defaults."""
    changed = differences(checkpoint.config)
    network = algorithms.descriptor(checkpoint.algorithm).agent_keys
    settings = {key: changed[key] for key in (*ACTING_KEYS, *network) if key in changed}
    moments = checkpoint.filter_state
    return {
        "format_version": FORMAT_VERSION,
        "algorithm": checkpoint.algorithm,
        "env": _env_of(checkpoint),
        "env_config": jsonable(changed.get("env_config", {})),
        "model": jsonable(changed.get("model", {})),
        "settings": jsonable(settings),
        "observation_filter": moments and {k: np.array(moments[k]).tolist() for k in FILTER_FIELDS},
    }


def _write_weights(checkpoint: Checkpoint, file: Path) -> int:
    """Write the network's tensors as an evaluation loads them; returns the number of parameters."""
    from safetensors.torch import save

    runner = evaluation_runner(checkpoint, EvaluateOptions(episodes=1))
    # contiguous(): tensors in channels-last memory order are written in the logical one.
    tensors = {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in runner.module.state_dict().items()
    }
    runner.stop()
    file.write_bytes(save(tensors))  # save_file would make it readable by its owner only
    return sum(tensor.numel() for tensor in tensors.values())


def _env_of(checkpoint: Checkpoint) -> str:
    return str(jsonable(checkpoint.config.env))


def _name(checkpoint: Checkpoint) -> str:
    """`ALE/Pong-v5` and PPO → `pong-ppo`, as tuned configs are named."""
    env = _env_of(checkpoint).rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    stem, _, version = env.rpartition("-v")
    return f"{stem if stem and version.isdigit() else env}-{checkpoint.algorithm}".lower()
