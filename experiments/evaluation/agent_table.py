"""The table of exported agents, from their descriptions alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between, has_marks
from rllib_zoo.experiments.errors import RequestError, printable
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, WEIGHTS_FILE, read_description

HEADINGS = (
    "agent", "algorithm", "environment", "greedy return", "sampled return", "episodes",
    "training: seed, steps, chosen of", "commit", "KiB",
)  # fmt: skip
SCORE_FIELDS = ("episodes", "mean", "half_width", "minimum", "maximum")
SECTION = "agents"


def agent_folders(folder: Path) -> list[Path]:
    """The agents directly below a folder, by name; without drafts, whose names begin with a dot.

    Raises:
        RequestError: no agent exists there.
    """
    folders = sorted(file.parent for file in folder.glob(f"[!.]*/{AGENT_FILE}"))
    if not folders:
        problem = "contains no agent" if folder.exists() else "does not exist"
        raise RequestError(problem, file=folder)
    return folders


def table(folder: Path) -> str:
    """A Markdown table of all agents below a folder, with a note on how to read it.

    Raises:
        RequestError: no agent, or an invalid description.
    """
    rows = [row(agent) for agent in agent_folders(folder)]
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + (
        "\n\nReturns are raw and of whole episodes: mean ± half of the 95 % interval (lowest to highest), "
        "measured on the exported files. Greedy: most probable actions. A commit with + had uncommitted "
        "changes."
    )


def filled(page: str, body: str) -> str:
    """A page with the table between its markers replaced.

    Raises:
        RequestError: the page has no markers.
    """
    if not has_marks(page, SECTION):
        begin, end = (f"<!-- {SECTION}:{which} -->" for which in ("begin", "end"))
        raise RequestError(f"lacks the markers of the table: {begin} and {end}")
    return between(page, SECTION, body)


def row(agent: Path) -> tuple[str, ...]:
    """The cells of one agent, in the order of :data:`HEADINGS`.

    Raises:
        RequestError: an invalid description, or no weights.
    """
    file, weights = agent / AGENT_FILE, agent / WEIGHTS_FILE
    description = read_description(file)
    source, evaluation = description["source"], description["evaluation"] or {}
    git, steps = source.get("git"), source.get("steps")
    for actions in ("greedy", "sampled"):
        if (score := evaluation.get(actions)) is not None and not _is_score(score):
            problem = f"must contain the numbers {', '.join(SCORE_FIELDS)}"
            raise RequestError(problem, file=file, key=f"evaluation.{actions}")
    if not weights.is_file():
        raise RequestError("is missing", file=weights)
    steps = f"{steps:,}" if isinstance(steps, int | float) else "–" if steps is None else steps
    cells = (
        f"`{agent.name}`",
        description["algorithm"],
        description["env"],
        _score(evaluation.get("greedy")),
        _score(evaluation.get("sampled")),
        str((evaluation.get("greedy") or {}).get("episodes", "–")),
        f"{source.get('seed')}, {steps}, {source.get('chosen_of', 1)}",
        tables.commit(git) if isinstance(git, dict) else "–",
        f"{(weights.stat().st_size + file.stat().st_size) / 1024:.0f}",
    )
    return tuple(printable(cell).replace("|", "/") for cell in cells)


def _is_score(score: Any) -> bool:
    """Whether all fields are numbers; of a single episode the half width may be missing."""
    if not isinstance(score, dict):
        return False
    numbers = {**score, "half_width": score.get("half_width") or 0.0}
    return not any(number(-math.inf)(numbers.get(key)) for key in SCORE_FIELDS)


def _score(score: dict[str, Any] | None) -> str:
    if score is None:
        return "not measured"
    width = "" if score["half_width"] is None else f" ± {score['half_width']:.1f}"
    cut = f", {score['cut']} cut" if score.get("cut") else ""
    return f"{score['mean']:.1f}{width} ({score['minimum']:g} to {score['maximum']:g}{cut})"
