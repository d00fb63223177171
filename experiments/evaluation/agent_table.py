"""The table of exported agents, made of their descriptions alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from rllib_zoo.algorithms.base.validators import number
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between, has_marks
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, WEIGHTS_FILE, read_description

HEADINGS = (
    "agent", "algorithm", "environment", "greedy return", "sampled return", "episodes",
    "training: seed, steps, chosen of", "commit", "KiB",
)  # fmt: skip
SCORE_FIELDS = ("episodes", "mean", "half_width", "minimum", "maximum")
SECTION = "agents"


def agent_folders(folder: Path) -> list[Path]:
    """The agents right below a folder, by name.

    Raises:
        RequestError: there is none.
    """
    # One that is being written has a dot.
    found = sorted(file.parent for file in folder.glob(f"[!.]*/{AGENT_FILE}"))
    if not found:
        raise RequestError("holds no agent" if folder.exists() else "does not exist", file=folder)
    return found


def table(folder: Path) -> str:
    """Every agent below a folder as a Markdown table, and how to read it.

    Raises:
        RequestError: no agent, or a damaged description.
    """
    rows = [row(agent) for agent in agent_folders(folder)]
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + (
        "\n\nReturns are raw and of whole episodes: mean ± half of the 95 % interval (lowest to highest), "
        "measured on the exported files. Greedy: most probable actions. A commit with + had uncommitted "
        "changes."
    )


def filled(page: str, body: str) -> str:
    """The page with the table between its markers replaced.

    Raises:
        RequestError: the page lacks them.
    """
    if not has_marks(page, SECTION):
        begin, end = (f"<!-- {SECTION}:{which} -->" for which in ("begin", "end"))
        raise RequestError(f"has no place for the table: {begin} and {end}")
    return between(page, SECTION, body)


def row(agent: Path) -> tuple[str, ...]:
    """The cells of one agent, in the order of :data:`HEADINGS`.

    Raises:
        RequestError: a damaged description, or no weights.
    """
    described = read_description(agent / AGENT_FILE)
    source, measured = described["source"], described["evaluation"] or {}
    git = source.get("git") or {}
    commit = tables.commit(git) if git else "–"
    steps = source.get("steps")
    training = (
        f"{source.get('seed')}, {'–' if steps is None else format(steps, ',')}, "
        f"{source.get('chosen_of', 1)}"
    )
    for how in ("greedy", "sampled"):
        if (score := measured.get(how)) is not None and not _is_score(score):
            problem = f"must hold the numbers {', '.join(SCORE_FIELDS)}"
            raise RequestError(problem, file=agent / AGENT_FILE, key=f"evaluation.{how}")
    if not (agent / WEIGHTS_FILE).is_file():
        raise RequestError("is missing", file=agent / WEIGHTS_FILE)
    size = (agent / WEIGHTS_FILE).stat().st_size + (agent / AGENT_FILE).stat().st_size
    return (
        f"`{agent.name}`",
        described["algorithm"],
        described["env"],
        _score(measured.get("greedy")),
        _score(measured.get("sampled")),
        str((measured.get("greedy") or {}).get("episodes", "–")),
        training,
        commit,
        f"{size / 1024:.0f}",
    )


def _is_score(score: Any) -> bool:
    """Whether the fields are numbers; a score of one episode has no half width."""
    if not isinstance(score, dict):
        return False
    numbers = {**score, "half_width": score.get("half_width") or 0.0}
    return not any(number(-math.inf)(numbers.get(key)) for key in SCORE_FIELDS)


def _score(score: dict[str, Any] | None) -> str:
    if score is None:
        return "not measured"
    width = "" if score["half_width"] is None else f" ± {score['half_width']:.1f}"
    return f"{score['mean']:.1f}{width} ({score['minimum']:g} to {score['maximum']:g})"
