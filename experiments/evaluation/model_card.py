"""The model card of an exported agent: ``README.md`` and its learning curve, in the form of Hugging Face's.

A card is written from its folder alone: ``agent.json``, and, of trials that recorded them, ``config.yaml``
and ``training.csv``. Evaluation reads neither the card nor these two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from rllib_zoo.algorithms.base.env_options import frames_per_step
from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.files.best_settings import entry_of
from rllib_zoo.analysis.files.curve_csv import Row, read_results, read_rows, thinned, write_curve
from rllib_zoo.analysis.files.trials import PARAMS, RESULT, read_object
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.scoring.reference_scores import REFERENCE_SCORES
from rllib_zoo.experiments.evaluation.agent import Agent, open_agent
from rllib_zoo.experiments.provenance.manifest import environment_signature, read_manifest

CARD_FILE, CURVE_IMAGE = "README.md", "learning_curve.png"
CONFIG_FILE, CURVE_FILE = "config.yaml", "training.csv"
# Rows of a stored curve, about: more than its image has room for.
CURVE_ROWS = 200
SCORE_COLUMNS = (
    "actions", "mean return [95 % interval]", "standard deviation", "lowest to highest", "episodes",
)  # fmt: skip


def write_training(folder: Path, trial: Path) -> None:
    """Store a trial's configuration and learning curve in an agent's folder, if it recorded them."""
    if manifest := read_manifest(trial.parent):
        content = experiment_of(manifest, read_object(trial / PARAMS))
        _write(folder / CONFIG_FILE, yaml.safe_dump(content, sort_keys=False))
    rows = read_results(trial / RESULT) if (trial / RESULT).is_file() else []
    if rows := [row for row in rows if row["steps"] is not None]:
        every = max(int(rows[-1]["steps"] or 0) // CURVE_ROWS, 1)
        write_curve(folder / CURVE_FILE, thinned(rows, every))


def experiment_of(manifest: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial as a file of `rllib train file`: the experiment with the values and the seed of the trial.

    Args:
        manifest: of the experiment.
        params: of the trial, nested as in the config file.
    """
    given, seed = manifest.get("config_given") or {}, params.get("seed")
    entry = entry_of(
        str(manifest.get("algorithm")),
        params.get("env", manifest.get("env")),
        {key: params.get(key, value) for key, value in given.items() if key != "seed"},
        manifest.get("stop") or {},
        (manifest.get("request") or {}).get("time_budget_s"),
    )
    return {str(manifest.get("experiment")): entry | ({} if seed is None else {"seeds": [seed]})}


def write_card(folder: Path, *, licence: str | None = None, name: str | None = None) -> Path:
    """Write the card of an exported agent.

    Args:
        folder: of the agent.
        licence: its identifier in Hugging Face's list, such as ``apache-2.0``; None: none is stated.
        name: of the folder, in commands; None: its current one.

    Returns:
        The card's file.

    Raises:
        RequestError: the folder holds no valid agent.
    """
    agent = open_agent(folder)
    curve = folder / CURVE_FILE
    if curve.is_file():
        _write(folder / CURVE_IMAGE, _curve_image(agent, read_rows(curve)))
    head = yaml.safe_dump(_metadata(agent, licence), sort_keys=False, allow_unicode=True)
    body = "\n".join(
        line
        for section in _sections(agent, name or folder.resolve().name)
        for line in (section.rstrip(), "")
    )
    _write(folder / CARD_FILE, f"---\n{head}---\n\n{body}")
    return folder / CARD_FILE


def _write(file: Path, content: str | bytes) -> None:
    with atomic_write(file) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)


def _metadata(agent: Agent, licence: str | None) -> dict[str, Any]:
    """The front matter; its ± is the standard deviation, by the convention of RL models there."""
    env, score = agent.description["env"], (agent.description["evaluation"] or {}).get("greedy")
    result = {
        "task": {"type": "reinforcement-learning", "name": "reinforcement-learning"},
        "dataset": {"name": env, "type": env},
        "metrics": [
            {
                "type": "mean_reward",
                "name": "mean_reward",
                "value": f"{score['mean']:.2f} +/- {score['std'] or 0.0:.2f}",
                "verified": False,
            }
        ]
        if score
        else [],
    }
    return {
        "library_name": "rllib-zoo",
        **({} if licence is None else {"license": licence}),
        "pipeline_tag": "reinforcement-learning",
        "tags": [
            env,
            agent.algorithm,
            "reinforcement-learning",
            "deep-reinforcement-learning",
            "rllib",
        ],
        **({"model-index": [{"name": agent.algorithm, "results": [result]}]} if score else {}),
    }


def _sections(agent: Agent, name: str) -> Iterator[str]:
    """The parts of the card's text, in order."""
    env = agent.description["env"]
    files = {path.name for path in agent.folder.iterdir()}
    yield f"# {agent.algorithm} on {env}"
    yield (
        f"A policy for `{env}`, trained with {agent.algorithm} on Ray RLlib by rllib-zoo: weights without "
        "pickle (`weights.safetensors`), and everything else in `agent.json`."
    )
    yield f"## Score\n\n{_scores(agent, name)}"
    if CURVE_IMAGE in files:
        yield f"## Learning curve\n\n![Mean return over agent steps]({CURVE_IMAGE})"
        yield f"Of the one trial that this policy is from: mean return in training ([numbers]({CURVE_FILE}))."
    yield "## Use"
    yield f"""```bash
rllib evaluate {name} --episodes 100
rllib evaluate {name} --episodes 3 --video videos     # watch it
```"""
    if CONFIG_FILE in files:
        yield f"Train it anew:\n\n```bash\nrllib train file {name}/{CONFIG_FILE}\n```"
    yield (
        "The folder holds weights for acting, not the optimizer's state: training continues from a "
        "checkpoint of the run itself (`rllib train file FILE --restore CHECKPOINT`)."
    )
    yield f"## Training\n\n{tables.markdown(('', ''), list(_training(agent)))}"
    yield f"### Configuration\n\n```yaml\n{_configuration(agent)}```"
    signature = environment_signature(agent.config.env, agent.config)
    yield "### Environment and wrappers in training\n\n" + _table(signature)
    packages = agent.description["exported"].get("packages") or {}
    versions = {name: version for name, version in packages.items() if version != "absent"}
    yield "### Versions\n\n" + _table(versions)


def _scores(agent: Agent, name: str) -> str:
    """The measured scores with what they mean, or how to measure them."""
    measured = agent.description["evaluation"]
    if not measured:
        return f"Not evaluated. `rllib evaluate {name} --episodes 100` does it."
    rows = [
        (actions, interval(score), score["std"], f"{score['minimum']:g} to {score['maximum']:g}",
         score["episodes"])
        for actions in ("greedy", "sampled") if (score := measured.get(actions))
    ]  # fmt: skip
    limit = measured.get("max_steps")
    cut = f" Episodes are cut after {limit:,} steps." if limit else ""
    reference = REFERENCE_SCORES.get(agent.description["env"])
    others = (
        f" For comparison: random {reference.random:g}, {reference.target_is} {reference.target:g}."
        if reference
        else ""
    )
    return tables.markdown(SCORE_COLUMNS, rows) + (
        f"\nRaw undiscounted returns of whole episodes, of the files in this folder, with seed "
        f"{measured.get('seed')}.{cut} Greedy: most probable actions. The interval is Student's t of the "
        "mean over these episodes: how well this policy is known, not how much trainings with other seeds "
        f"differ.{others}"
    )


def interval(score: Mapping[str, Any]) -> str:
    """The mean return of a stored score, with its interval if it is of several episodes."""
    mean, half = score["mean"], score["half_width"]
    return f"{mean:.2f}" + ("" if half is None else f" [{mean - half:.2f}, {mean + half:.2f}]")


def _training(agent: Agent) -> Iterator[tuple[str, Any]]:
    """Where the weights are from."""
    source = agent.description["source"]
    steps = source.get("steps")
    yield "seed", str(source.get("seed", "–"))
    yield "agent steps", steps
    yield "environment frames", steps and steps * frames_per_step(agent.config)
    yield "iterations", source.get("iterations")
    yield "mean return at the end of training", source.get("episode_return_mean")
    yield "config file", source.get("config_file")
    yield "commit", tables.commit(source.get("git") or {})
    yield "finished", source.get("date")
    if "chosen_of" in source:
        yield "chosen", f"of {source['chosen_of']} runs by {source.get('chosen_by')}"
    yield "parameters", agent.description["weights"].get("parameters")
    machine = agent.description["exported"].get("machine") or {}
    yield (
        "exported on",
        f"{machine.get('cpu')}, {machine.get('cores')} cores, {machine.get('platform')}",
    )


def _configuration(agent: Agent) -> str:
    file = agent.folder / CONFIG_FILE
    if file.is_file():
        return file.read_text(encoding="utf-8")
    known = {key: agent.description[key] for key in ("env", "env_config", "model", "settings")}
    note = "# What affects acting; the configuration of training was not recorded.\n"
    return note + yaml.safe_dump(known, sort_keys=False)


def _table(values: Mapping[str, Any]) -> str:
    return tables.markdown(("", ""), [(f"`{key}`", str(value)) for key, value in values.items()])


def _curve_image(agent: Agent, rows: list[Row]) -> bytes:
    """The trial's mean return over agent steps as PNG."""
    from rllib_zoo.analysis import style
    from rllib_zoo.analysis.plots.figure_file import draw_figure

    def paint(ax: Any) -> Any:
        known = [row for row in rows if row["return_mean"] is not None]
        ax.plot(
            [r["steps"] for r in known], [r["return_mean"] for r in known], **style.line_style(0)
        )
        if reference := REFERENCE_SCORES.get(agent.description["env"]):
            line = {"color": style.REFERENCE_COLOUR, "ls": ":", "lw": 1}
            ax.axhline(
                reference.target, label=f"{reference.target_is}: {reference.target:g}", **line
            )
            ax.legend()
        ax.set(xlabel="agent steps", ylabel="mean return in training")
        style.in_thousands(ax)
        return ax

    title = f"{agent.algorithm} on {agent.description['env']}"
    return draw_figure("learning-curve", title, paint).png
