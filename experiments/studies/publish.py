"""`rllib study report --update`: every generated page, section and figure, from the kept results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from rllib_zoo.analysis.files.atomic import atomic_write
from rllib_zoo.analysis.plots.figure_file import FigureImage
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between, has_marks
from rllib_zoo.analysis.scoring.coverage import coverage_table
from rllib_zoo.experiments.studies.algorithms_compared_tables import cartpole_table, games_table
from rllib_zoo.experiments.studies.catalog import Study
from rllib_zoo.experiments.studies.figures import figures_of, prefix_of
from rllib_zoo.experiments.studies.page_sections import (
    BENCHMARKS,
    benchmark_tables,
    pendulum_table,
    sweep_section,
)
from rllib_zoo.experiments.studies.published_scores import published_table
from rllib_zoo.experiments.studies.readme_tables import REGENERATE, results_table, speed_line
from rllib_zoo.experiments.studies.runs import counts, runs_of
from rllib_zoo.experiments.studies.tables import provenance, study_table
from rllib_zoo.experiments.studies.thresholds import verdicts

# The text of a section, from the folder of results.
Body = Callable[[Path], str]
PAGE, FIGURES = Path("docs") / "results.md", Path("docs") / "figures"
# Larger ones are kept as PNG, if those are smaller.
SVG_BYTES = 150_000
HEAD = """# Results

Written by `rllib study report --update` from `results/`; changes by hand are lost.
[How a study is written and run](studies.md).

- Final score: mean return of the last 100 training episodes. Intervals: 95 %, percentile bootstrap, from five
  runs on; below that the range, in parentheses.
- Target: the score that ends runs, else the environment's reference score ([sources](analysis.md)). Steps and
  seconds to it: medians over the runs that reached it, of the first kept row that did.
- Steps/s exclude the time to the first result. CPU-hours: cores that Ray reserved times training time.
- Learning curves: interquartile mean over the seeds that are done, with its 95 % interval. A run that has
  ended keeps its last value until the longest run of its group ends.
"""
# Tables below that of a study on the page of results.
MORE_TABLES: dict[str, dict[str, Body]] = {
    "algorithms_compared": {"CartPole by config file": cartpole_table, "Games by run": games_table}
}
CLI_PAGE = "docs/cli.md"
# Page → marked section → what fills it.
SECTIONS: dict[str, dict[str, Body]] = {
    "README.md": {"results": results_table, "speed": speed_line},
    "docs/analysis.md": {"coverage": lambda results: tables.markdown(*coverage_table())},
    "docs/benchmarks.md": {name: partial(benchmark_tables, section=name) for name in BENCHMARKS},
    "docs/ddpg.md": {"result": pendulum_table},
    "docs/sweeps.md": {"result": sweep_section},
}


def update_pages(
    studies: Sequence[Study], results: Path, root: Path, cli_reference: str
) -> list[Path]:
    """Write every generated page, section and figure.

    Args:
        studies: all of them, in the order of the page.
        results: folder of the kept results.
        root: the checkout, with its README and `docs/`.
        cli_reference: Markdown of the command's options.

    Returns:
        The files, unchanged ones included. Of other files in `docs/figures` only those named as
        figures of these studies are deleted.

    Raises:
        FileNotFoundError: the root is not a checkout; nothing is written.
        DifferentEnvironmentsError: runs in one table had different environment settings; nothing is written.
    """
    if not (root / "README.md").exists() or not (root / PAGE.parent).is_dir():
        raise FileNotFoundError(f"{root} is not a checkout with a README and docs/")
    drawn = {study.name: list(figures_of(study, results)) for study in studies}
    pages = {root / PAGE: page_of(studies, results, drawn)}
    pages |= filled_pages(studies, results, root, cli_reference)
    written = [write(file, text.encode()) for file, text in pages.items()]
    (root / FIGURES).mkdir(exist_ok=True)
    for name, content in map(image_of, chain.from_iterable(drawn.values())):
        written.append(write(root / FIGURES / name, content))
    for study in studies:
        for file in (root / FIGURES).glob(f"{prefix_of(study)}*"):
            if file not in written and file.is_file():
                file.unlink()
    return written


def page_of(studies: Sequence[Study], results: Path, drawn: dict[str, list[FigureImage]]) -> str:
    """The text of `docs/results.md`."""
    parts = [HEAD]
    for study in studies:
        runs = runs_of(study, results)
        done, begun, missing = counts(runs)
        others = {"begun": begun, "missing": missing}
        state = f"{done} of {done + begun + missing} runs are done"
        state += "".join(f", {number} {name}" for name, number in others.items() if number)
        parts.append(f"\n## {study.name.replace('_', ' ').capitalize()}\n\n{study.question}\n\n")
        parts.append(f"{state}. {study.note}\n\n")
        if published := published_table(study, results):
            parts.append(published + "\n")
        parts.append(f"{study_table(study, results)}\n{provenance(runs)}\n")
        if study.thresholds:
            parts.append("\n" + threshold_table(study, results))
        for heading, table in MORE_TABLES.get(study.name, {}).items():
            parts.append(f"\n### {heading}\n\n{table(results)}\n")
        for figure in drawn[study.name]:
            parts.append(f"\n![{figure.title}](figures/{image_of(figure)[0]})\n")
    return "".join(parts)


def threshold_table(study: Study, results: Path) -> str:
    """Every threshold with what was measured."""
    rows = [
        [f"`{v.threshold.cell}`", v.required, v.measured, v.outcome]
        for v in verdicts(study, results)
    ]
    return tables.markdown(["cell", "threshold", "measured", "outcome"], rows)


def filled_pages(
    studies: Sequence[Study], results: Path, root: Path, cli_reference: str
) -> dict[Path, str]:
    """Every page with marked sections, with these filled.

    Besides :data:`SECTIONS` and `options` of :data:`CLI_PAGE`, any page of `docs/` may have marks
    `study NAME` for that study's table.
    """
    sections = {**SECTIONS, CLI_PAGE: {"options": lambda _: cli_reference}}
    of_studies: dict[str, Body] = {f"study {s.name}": partial(study_section, s) for s in studies}
    pages = {}
    for file in (root / "README.md", *sorted((root / PAGE.parent).glob("*.md"))):
        bodies = {**of_studies, **sections.get(file.relative_to(root).as_posix(), {})}
        text = filled = file.read_text(encoding="utf-8")
        marked = [section for section in bodies if has_marks(text, section)]
        for section in marked:
            filled = between(filled, section, bodies[section](results))
        if marked:
            pages[file] = filled
    return pages


def study_section(study: Study, results: Path) -> str:
    """A study's table with where its runs come from."""
    return f"{study_table(study, results)}\n{provenance(runs_of(study, results))} {REGENERATE}"


def image_of(figure: FigureImage) -> tuple[str, bytes]:
    """File name and content: SVG, or PNG where an SVG of many points would be large."""
    svg = figure.svg.encode()
    if len(svg) <= SVG_BYTES or len(svg) <= len(figure.png):
        return f"{figure.name}.svg", svg
    return f"{figure.name}.png", figure.png


def write(file: Path, content: bytes) -> Path:
    """Write a file whole or not at all; returns it."""
    with atomic_write(file, durable=False) as draft:
        draft.write_bytes(content)
    return file
