"""From `results/` to `docs/results.md`, its figures and the README's tables: one way, one command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rllib_zoo.analysis.files.atomic import written_aside
from rllib_zoo.analysis.plots.figure_file import Drawn
from rllib_zoo.analysis.report import tables
from rllib_zoo.analysis.report.generated_sections import between, has_marks
from rllib_zoo.experiments.studies.catalog import Study
from rllib_zoo.experiments.studies.figures import figures_of, prefix_of
from rllib_zoo.experiments.studies.published_scores import published_table
from rllib_zoo.experiments.studies.readme_tables import REGENERATE, cartpole_table, games_table
from rllib_zoo.experiments.studies.runs import counts, runs_of
from rllib_zoo.experiments.studies.tables import provenance, study_table
from rllib_zoo.experiments.studies.thresholds import verdicts

PAGE, FIGURES = Path("docs") / "results.md", Path("docs") / "figures"
# Larger ones are kept as PNG, if those are smaller.
SVG_BYTES = 150_000
HEAD = """# Results

Written by `rllib study report --update` from `results/`; changes by hand are lost.
[How a study is written and run](studies.md).

- Final score: mean return of the last 100 training episodes. Intervals: 95 %, percentile bootstrap, from five
  runs on; below that the range stands in brackets.
- Target: the score that ends runs, else the environment's reference ([where from](analysis.md)). Steps and
  seconds to it are medians over the runs that reached it, to the next kept row.
- Steps/s leave out the time to the first result. CPU-hours: cores that Ray reserved times training time.
"""
# Sections of the README that are a benchmark's page, up to the settings that stand below it.
BENCHMARKS = {
    "speed": Path("cartpole") / "cartpole-benchmark.md",
    "atari": Path("atari") / "pong-benchmark.md",
    "mujoco": Path("mujoco") / "halfcheetah-benchmark.md",
}


def update_pages(studies: Sequence[Study], results: Path, root: Path) -> list[Path]:
    """Write everything that is made of the results.

    Args:
        studies: all of them, in the order of the page.
        results: what is kept.
        root: the checkout, with its README and `docs/`.

    Returns:
        The files, those that did not change too. Of other files in `docs/figures` only those named as
        figures of these studies are deleted.

    Raises:
        FileNotFoundError: the root is no checkout; nothing is written.
        DifferentEnvironmentsError: runs that share a table played differently; nothing is written.
    """
    readme = root / "README.md"
    if not readme.exists() or not (root / PAGE.parent).is_dir():
        raise FileNotFoundError(f"{root} is no checkout with a README and docs/")
    drawn = {study.name: list(figures_of(study, results)) for study in studies}
    page = page_of(studies, results, drawn)
    filled = readme_of(readme.read_text(encoding="utf-8"), results)
    others = pages_with_studies(studies, results, root)
    written = [_write(root / PAGE, page.encode()), _write(readme, filled.encode())]
    written += [_write(file, text.encode()) for file, text in others.items()]
    (root / FIGURES).mkdir(exist_ok=True)
    for figures in drawn.values():
        for figure in figures:
            name, content = image_of(figure)
            written.append(_write(root / FIGURES / name, content))
    old = [file for study in studies for file in (root / FIGURES).glob(f"{prefix_of(study)}*")]
    for file in old:
        if file not in written and file.is_file():
            file.unlink()
    return written


def page_of(studies: Sequence[Study], results: Path, drawn: dict[str, list[Drawn]]) -> str:
    """The text of `docs/results.md`."""
    parts = [HEAD]
    for study in studies:
        runs = runs_of(study, results)
        done, begun, missing = counts(runs)
        state = f"{done} of {done + begun + missing} runs are done"
        state += "".join(f", {n} {w}" for n, w in ((begun, "begun"), (missing, "missing")) if n)
        parts.append(f"\n## {study.name.replace('_', ' ').capitalize()}\n\n{study.question}\n\n")
        parts.append(f"{state}. {study.note}\n\n")
        if published := published_table(study, results):
            parts.append(published + "\n")
        parts.append(f"{study_table(study, results)}\n{provenance(runs)}\n")
        if study.thresholds:
            parts.append("\n" + threshold_table(study, results))
        for figure in drawn[study.name]:
            parts.append(f"\n![{figure.title}](figures/{image_of(figure)[0]})\n")
    return "".join(parts)


def threshold_table(study: Study, results: Path) -> str:
    """Every threshold with what was found."""
    rows = [
        [f"`{v.threshold.cell}`", v.asked, v.found, v.outcome] for v in verdicts(study, results)
    ]
    return tables.markdown(["cell", "asked", "found", "outcome"], rows)


def readme_of(text: str, results: Path) -> str:
    """The README with its generated sections filled; sections it does not have are left out."""
    bodies = {"results": cartpole_table(results), "games": games_table(results)}
    for section, file in BENCHMARKS.items():
        if (results / file).exists():
            page = (results / file).read_text(encoding="utf-8")
            bodies[section] = page.partition("\nSettings:")[0].strip()
    for section, body in bodies.items():
        text = between(text, section, body)
    return text


def pages_with_studies(studies: Sequence[Study], results: Path, root: Path) -> dict[Path, str]:
    """Pages of `docs/` that show a study's table between marks `study NAME`, with it filled."""
    found = {}
    for file in sorted((root / PAGE.parent).glob("*.md")):
        text = filled = file.read_text(encoding="utf-8")
        shown = [study for study in studies if has_marks(text, f"study {study.name}")]
        for study in shown:
            body = (
                f"{study_table(study, results)}\n{provenance(runs_of(study, results))} {REGENERATE}"
            )
            filled = between(filled, f"study {study.name}", body)
        if shown:
            found[file] = filled
    return found


def image_of(figure: Drawn) -> tuple[str, bytes]:
    """File name and content: SVG, or PNG where an SVG of many points would be large."""
    svg = figure.svg.encode()
    if len(svg) <= SVG_BYTES or len(svg) <= len(figure.png):
        return f"{figure.name}.svg", svg
    return f"{figure.name}.png", figure.png


def _write(file: Path, content: bytes) -> Path:
    with written_aside(file, durable=False) as draft:
        draft.write_bytes(content)
    return file
