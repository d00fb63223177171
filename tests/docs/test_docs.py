"""The documentation says what the code does: names, defaults, links, paths and commands."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

import rllib_zoo
from rllib_zoo import algorithms
from rllib_zoo.algorithms.base import schema
from rllib_zoo.algorithms.base.result_names import result_names
from rllib_zoo.algorithms.base.schema import OPTIMIZERS
from rllib_zoo.algorithms.base.validators import Kind
from rllib_zoo.custom_models.actor_critic_options import ActorCriticOptions
from rllib_zoo.experiments.config import load as reading
from rllib_zoo.experiments.config.overrides import PLAIN_FIELDS
from rllib_zoo.experiments.config.yaml_loader import parse_yaml
from rllib_zoo.experiments.legacy.renamed_keys import RENAMED
from rllib_zoo.experiments.paths import ROOT
from rllib_zoo.experiments.spec.experiment import Experiment
from rllib_zoo.experiments.validation.names import FIELD_KINDS

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALGORITHM_PAGES = {"A2C": "a2c", "A3C": "a3c", "DDPG": "ddpg", "PG": "pg", "PPO": "ppo"}
FOLDERS = tuple(p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("."))
# Where RLlib keeps what a key sets.
ATTRIBUTES = {
    "model": "_model_config",
    "train_batch_size_per_learner": "_train_batch_size_per_learner",
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
ON_POLICY = [name for name in algorithms.names() if algorithms.descriptor(name).on_policy]
every_algorithm = pytest.mark.parametrize("name", ON_POLICY)
ON_POLICY_KEYS = [schema.own_keys()[name] for name in ON_POLICY]


def read(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def section(page: str, heading: str) -> str:
    """What stands below a heading, deeper headings included."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n", page, re.MULTILINE)
    assert match, f"no heading {heading!r}"
    rest = page[match.end() :]
    following = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def tables(text: str) -> list[list[dict[str, str]]]:
    """Every table as rows of column → cell."""
    found, lines = [], text.splitlines()
    for number, line in enumerate(lines):
        if not re.fullmatch(r"\|[-|: ]+\|", line):
            continue
        columns = _cells(lines[number - 1])
        rows = []
        for row in lines[number + 1 :]:
            if not row.startswith("|"):
                break
            assert len(_cells(row)) == len(columns), f"{len(columns)} cells expected: {row}"
            rows.append(dict(zip(columns, _cells(row), strict=True)))
        found.append(rows)
    return found


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def by_first_column(rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Rows by the name in their first column; a name twice is a mistake."""
    named = [(next(iter(row.values())).strip("`"), row) for row in rows]
    names = [name for name, _ in named]
    assert len(set(names)) == len(names), (
        f"twice: {sorted({n for n in names if names.count(n) > 1})}"
    )
    return dict(named)


def assert_same_names(documented: Any, existing: Any, where: str) -> None:
    missing, unknown = set(existing) - set(documented), set(documented) - set(existing)
    assert not missing, f"{where} has no line for {sorted(missing)}"
    assert not unknown, f"{where} has lines for {sorted(unknown)}, which do not exist"


def default_of(algorithm: str, key: str) -> Any:
    return getattr(algorithms.config_class(algorithm)(), ATTRIBUTES.get(key, key))


def assert_default(cell: str, expected: Any, where: str) -> None:
    if callable(expected):  # a class or a function has no spelling in YAML
        return
    plain = list(expected) if isinstance(expected, tuple) else expected
    assert parse_yaml(cell.strip("`")) == plain, (
        f"{where}: {cell} documented, {plain!r} in the code"
    )


def documented_kind(kind: Kind) -> str:
    return kind(object()) or "a Python object"


def assert_kind(cell: str, kind: Kind, where: str) -> None:
    expected = documented_kind(kind)
    assert cell == expected, f"{where}: the value column should read {expected!r}"


# --- configuration ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def algorithm_keys() -> dict[str, dict[str, str]]:
    found = tables(section(read("configuration"), "Algorithm keys"))
    return by_first_column([row for table in found for row in table])


def test_every_algorithm_key_has_a_line(algorithm_keys):
    existing = set(schema.COMMON).union(*ON_POLICY_KEYS)
    assert_same_names(algorithm_keys, existing, "docs/configuration.md")


@every_algorithm
def test_defaults_of_algorithm_keys(algorithm_keys, name):
    for key, row in algorithm_keys.items():
        if key in schema.COMMON or key in schema.own_keys()[name]:
            assert_default(row[name], default_of(name, key), f"configuration.md, {key}, {name}")
        else:
            assert row[name] == "–", f"configuration.md: {name} has no key {key}"


def test_values_of_algorithm_keys(algorithm_keys):
    for key, row in algorithm_keys.items():
        kinds = [schema.COMMON, *ON_POLICY_KEYS]
        kind = next(known[key] for known in kinds if key in known)
        assert_kind(row["value"], kind, f"configuration.md, {key}")


@pytest.mark.parametrize("name", ["DDPG", "DQN"])
def test_every_key_of_off_policy_algorithms_has_a_line(name):
    page, keys = name.lower(), schema.own_keys()[name]
    [table] = tables(section(read(page), "Keys"))
    rows = by_first_column(table)
    assert_same_names(rows, keys, f"docs/{page}.md")
    for key, row in rows.items():
        assert_kind(row["value"], keys[key], f"{page}.md, {key}")
        default = default_of(name, key)
        plain = [list(pair) for pair in default] if key == "epsilon" else default
        assert_default(row["default"], plain, f"{page}.md, {key}")


def test_experiment_fields_have_a_line():
    fields, checkpoint = tables(section(read("configuration"), "A config file"))
    rows = by_first_column(fields)
    assert_same_names(rows, [*reading.FIELDS, "checkpoint_config"], "A config file")
    checkpoint_rows = by_first_column(checkpoint)
    assert_same_names(checkpoint_rows, reading.CHECKPOINT_FIELDS, "checkpoint_config")
    for row in (*rows.items(), *checkpoint_rows.items()):
        kind = FIELD_KINDS.get({**reading.FIELDS, **reading.CHECKPOINT_FIELDS}.get(row[0], ""))
        if kind is not None and row[1]["value"]:
            expected = documented_kind(kind)
            assert row[1]["value"] in (expected, expected.removesuffix(", or null")), row[0]
    assert (
        parse_yaml(rows["num_samples"]["default"].strip("`")) == Experiment("", "", "").num_samples
    )


def test_optimizer_keys_have_a_line():
    [table] = tables(section(read("configuration"), "The optimizer"))
    rows = by_first_column(table)
    assert_same_names(rows, schema.OPTIMIZER_KEYS, "The optimizer")
    for key, row in rows.items():
        assert_kind(row["value"], schema.OPTIMIZER_KEYS[key], f"optimizer.{key}")
        for kind, value in re.findall(r"(\w+) `([^`]+)`", row["default"]):
            assert_default(value, OPTIMIZERS[kind][key], f"optimizer {kind}.{key}")
    documented = {
        (kind, key)
        for key, row in rows.items()
        for kind, _ in re.findall(r"(\w+) `([^`]+)`", row["default"])
    }
    assert documented == {(kind, key) for kind, keys in OPTIMIZERS.items() for key in keys}


def test_network_keys_have_a_line():
    from ray.rllib.models import MODEL_DEFAULTS

    options, keys = map(by_first_column, tables(section(read("configuration"), "The network")))
    defaults = vars(ActorCriticOptions())
    assert_same_names(options, defaults, "the project's network")
    for name, row in options.items():
        assert_default(row["default"], defaults[name], f"custom_model_config.{name}")
    assert_same_names(keys, schema.MODEL_KEYS, "RLlib's networks")
    for name, row in keys.items():
        assert_default(row["default"], MODEL_DEFAULTS.get(name, False), f"model.{name}")
        assert_kind(row["value"], schema.MODEL_KEYS[name], f"model.{name}")


def test_fields_of_set_are_named():
    names = set(CODE.findall(section(read("configuration"), "Set")))
    assert not set(PLAIN_FIELDS) - {"source", "text"} - names


def test_renamed_keys_are_true():
    text = section(read("configuration"), "Renamed keys")
    pairs = re.findall(r"`(\w+)`\s+\(`([^`]+)`\)", text)
    assert len(pairs) >= 5
    assert all(RENAMED[old] == new for old, new in pairs)


# --- algorithm pages -------------------------------------------------------------------------


@every_algorithm
def test_keys_and_defaults_of_algorithm_pages(name):
    [table] = tables(section(read(ALGORITHM_PAGES[name]), "Keys"))
    rows = by_first_column(table)
    assert not set(schema.own_keys()[name]) - set(rows), (
        "an algorithm's own keys belong on its page"
    )
    for key, row in rows.items():
        assert key in schema.COMMON or key in schema.own_keys()[name], key
        assert_default(row["default"], default_of(name, key), f"{name}, {key}")


@pytest.mark.parametrize("name", ALGORITHM_PAGES)
def test_named_code_exists(name):
    """Tables of the form | … | `file.py`: `function`, … |."""
    rows = [row for table in tables(read(ALGORITHM_PAGES[name])) for row in table if "where" in row]
    assert rows
    for row in rows:
        for file, names in re.findall(r"`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+)", row["where"]):
            source = (ROOT / file).read_text()
            for function in CODE.findall(names):
                assert re.search(rf"^\s*(def|class) {function}\b", source, re.MULTILINE), function


# --- metrics ---------------------------------------------------------------------------------


def test_every_result_has_a_line():
    page = read("metrics")
    rows = by_first_column([row for table in tables(page) for row in table])
    existing = {name for algorithm in algorithms.names() for name in result_names(algorithm)}
    assert_same_names(rows, existing, "docs/metrics.md")
    for name, row in rows.items():
        owners = {algorithm for algorithm in algorithms.names() if name in result_names(algorithm)}
        everybody = set(algorithms.names()) - set(re.findall(r"not (\w+)", row["over"]))
        only = set(re.findall(r"(\w+) only", row["over"])) or everybody
        assert only == owners, f"{name} is a result of {sorted(owners)}"
        assert all(row.values()), f"{name}: no cell may be empty"


# --- dependencies ----------------------------------------------------------------------------


def test_dependencies_match_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core, extras = tables(read("dependencies"))
    assert requirements(core) == set(project["dependencies"])
    for extra, packages in project["optional-dependencies"].items():
        rows = [row for row in extras if row["extra"].strip("`") == extra]
        assert requirements(rows) == set(packages), extra
    assert {row["extra"].strip("`") for row in extras} == set(project["optional-dependencies"])
    assert f"`{project['requires-python']}`" in read("dependencies")
    assert all(all(row.values()) for row in (*core, *extras)), "every dependency has its reasons"


def requirements(rows: list[dict[str, str]]) -> set[str]:
    return {
        row["package"].strip("`") + ("" if row["range"] == "any" else row["range"].strip("`"))
        for row in rows
    }


def test_dependencies_said_to_be_unused_are():
    rows = [row for table in tables(read("dependencies")) for row in table]
    sources = [
        p.read_text() for f in FOLDERS for p in (ROOT / f).rglob("*.py") if p != Path(__file__)
    ]
    for row in rows:
        if "not imported yet" in row["what for"].lower():
            rule = re.compile(rf"^\s*(import|from) {row['package'].strip('`')}\b", re.MULTILINE)
            assert not any(rule.search(source) for source in sources), row["package"]


# --- design and changelog --------------------------------------------------------------------


def test_manifest_fields_are_documented():
    rows = by_first_column(tables(section(read("design"), "The results folder"))[0])
    source = (ROOT / "experiments" / "provenance" / "manifest.py").read_text()
    body = re.search(r"def build_manifest\(.*?\n\n\ndef ", source, re.DOTALL)
    assert body
    written = set(re.findall(r'^        "(\w+)":', body[0], re.MULTILINE))
    assert len(written) > 10
    assert_same_names(
        rows, written | {"finished", "trials", "resumed", "ranking"}, "docs/design.md"
    )


def test_changelog_has_fixed_headings():
    page = read("changelog")
    releases = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert releases[0].startswith(version)
    for release in releases:
        headings = re.findall(r"^### (.+)$", release, re.MULTILINE)
        assert headings == ["Breaking", "New", "Fixed", "Documentation", "Others"]


def test_citation_and_licence_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = parse_yaml((ROOT / "CITATION.cff").read_text())
    assert (citation["title"], citation["version"]) == (project["name"], project["version"])
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_readme_tree_names_every_folder():
    tree = dict(re.findall(r"^(\w+)/ +(\S.*)$", (ROOT / "README.md").read_text(), re.MULTILINE))
    generated = {"build", "dist", "ray_results", "site", "__pycache__", "results"}
    folders = {f for f in FOLDERS if f not in generated and not f.endswith(".egg-info")}
    assert_same_names(set(tree) - {"results"}, folders, "the README's tree")


@pytest.mark.parametrize(
    ("page", "sections"),
    [
        ("README.md", ("results", "speed")),
        ("docs/benchmarks.md", ("speed", "atari", "mujoco")),
        ("docs/cli.md", ("options",)),
    ],
)
def test_sections_for_measured_and_generated_text(page, sections):
    text = (ROOT / page).read_text()
    for name in sections:
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        assert text.count(begin) == text.count(end) == 1
        assert text.index(begin) < text.index(end)


def test_readme_and_its_images_are_small():
    page = ROOT / "README.md"
    assert page.stat().st_size <= 6_144
    images = {ROOT / name for name in re.findall(r'<img src="([^"]+)"', page.read_text())}
    assert images == set((ROOT / "docs" / "assets").iterdir())
    assert sum(image.stat().st_size for image in images) <= 1_500_000


def test_readme_has_one_short_config_that_passes():
    from rllib_zoo.experiments.config.load import read_entry
    from rllib_zoo.experiments.validation.check import validate

    page = ROOT / "README.md"
    [config] = [body for language, body in FENCE.findall(page.read_text()) if language == "yaml"]
    assert len(config.splitlines()) <= 15
    [(name, entry)] = parse_yaml(config).items()
    validate(read_entry(name, entry, page, config))


# --- links, paths and commands ---------------------------------------------------------------


@every_page
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text())
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(found.read_text()), f"{page.name}: {target}"


def anchors(text: str) -> set[str]:
    """What GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@every_page
def test_paths_exist(page):
    known = re.compile(
        rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*|[\w-]+\.(?:toml|md)|constraints\.txt|Makefile"
    )
    text = page.read_text()
    named = CODE.findall(FENCE.sub("", text))
    # Config files named in command lines, and files named in the flow and the tree.
    named += re.findall(
        rf"(?<![\w/.])(?:{'|'.join(FOLDERS)})/[\w./-]+", "".join(b for _, b in FENCE.findall(text))
    )
    for path in named:
        if known.fullmatch(path):
            assert any(ROOT.glob(path.rstrip("/"))), f"{page.name}: {path}"


@every_page
def test_no_path_of_one_machine(page):
    assert not re.search(r"(?<!\w)/(?:work|tmp|home|root)/", page.read_text())


def command_lines(text: str, program: str) -> list[list[str]]:
    """Lines of fenced blocks that run a program; outside of them, what stands in backticks."""
    lines = [
        line
        for language, body in FENCE.findall(text)
        if language == "bash"
        for line in body.splitlines()
    ]
    lines += CODE.findall(FENCE.sub("", text))
    starts = (program + " ", f".venv/bin/{program} ")
    return [shlex.split(line, comments=True) for line in lines if line.startswith(starts)]


@every_page
def test_rllib_commands_parse(page):
    import typer

    from rllib_zoo.experiments.cli.main import app

    group: Any = typer.main.get_command(app)
    for words in command_lines(page.read_text(), "rllib"):
        if "…" in words[-1] or words == ["rllib", "train"]:
            continue
        command, rest = resolved_command(group, words[1:])
        options = {spelling: p for p in command.params for spelling in (*p.opts, *p.secondary_opts)}
        for word in (word for word in rest if word.startswith("-") and not word[1:2].isdigit()):
            assert word.partition("=")[0] in options, f"{page.name}: {shlex.join(words)}: {word}"
        if command is group:  # its options end the command while they are read
            continue
        if len(rest) > 1 or (rest and command.name not in ("file", "evaluate")):
            command.make_context("rllib", list(rest), resilient_parsing=False)


def resolved_command(group: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The innermost command and what is left for it."""
    while words and words[0] in getattr(group, "commands", {}):
        group, words = group.commands[words[0]], words[1:]
    return group, words


def test_rllib_files_named_in_commands_pass_their_check():
    """Command lines on tuned files name keys and seeds that exist."""
    from rllib_zoo.experiments.config.load import read_experiments
    from rllib_zoo.experiments.config.overrides import apply_overrides, parse_seeds

    seen = 0
    for page in PAGES:
        for words in command_lines(page.read_text(), "rllib"):
            files = [word for word in words if word.startswith("tuned_configs/")]
            values = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--set"]
            if "--seeds" in words:
                parse_seeds(words[words.index("--seeds") + 1])
            for file in files:
                seen += 1
                [experiment] = read_experiments(ROOT / file)
                changed = apply_overrides(experiment, values)
                known = {
                    *schema.COMMON,
                    *schema.ALIASES,
                    *schema.own_keys()[experiment.algorithm],
                }
                assert set(changed.config) <= known
                assert set(changed.stop) <= set(result_names(experiment.algorithm))
    assert seen


@every_page
def test_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in command_lines(page.read_text(), "make"):
        target = next(word for word in words[1:] if "=" not in word)
        assert target in targets, f"{page.name}: {shlex.join(words)}"
        for name, value in (word.split("=") for word in words[1:] if "=" in word):
            assert f"$({name})" in (ROOT / "Makefile").read_text(), f"{page.name}: {name}={value}"


@every_page
def test_python_commands_exist(page):
    for words in command_lines(page.read_text(), "python"):
        assert words[1] == "-m"
        assert importlib.util.find_spec(words[2]), f"{page.name}: {shlex.join(words)}"


@every_page
def test_yaml_and_python_examples(page):
    """YAML blocks read; Python blocks compile and what they import is there."""
    for language, body in FENCE.findall(page.read_text()):
        if language == "yaml":
            assert isinstance(parse_yaml(body), dict)
        if language == "python":
            compile(body, page.name, "exec")
            for module, name in re.findall(r"^from ([\w.]+) import (\w+)$", body, re.MULTILINE):
                found = importlib.import_module(module)
                assert hasattr(found, name) or importlib.util.find_spec(f"{module}.{name}")
            for name in re.findall(r"\brllib_zoo\.(\w+)\(", body):
                assert callable(getattr(rllib_zoo, name)), f"{page.name}: rllib_zoo.{name}"


@pytest.mark.parametrize("name", ["a2c", "a3c", "ppo", "cli"])
def test_builder_examples_are_valid(name):
    """The configurations of the examples pass their own checks, without being built."""
    blocks = [b for lang, b in FENCE.findall(read(name)) if lang == "python" and "Config()" in b]
    assert blocks
    for block in blocks:
        statement = re.search(r"^\w+ = \(\n(.*?)^\)", block, re.MULTILINE | re.DOTALL)
        assert statement
        imports = re.findall(
            r"^from rllib_zoo.algorithms\.\w+ import (\w+Config)$", block, re.MULTILINE
        )
        classes = {c: algorithms.config_class(c.removesuffix("Config")) for c in imports}
        expression = statement[1].replace(".build_algo()", "")
        config = eval(f"({expression})", dict(classes))  # our own page
        config.validate()


def test_example_config_file_passes():
    from rllib_zoo.experiments.config.load import read_entry
    from rllib_zoo.experiments.validation.check import validate

    [first] = re.findall(
        r"^```yaml\n(.*?)^```", section(read("configuration"), "A config file"), re.M | re.S
    )
    [(name, entry)] = parse_yaml(first).items()
    validate(read_entry(name, entry, Path("docs/configuration.md"), first))
