"""Agent folders with anything in their files: played, or refused in one line; never a traceback."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from fuzzing import anything, fuzzed
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save
from typer.testing import CliRunner

from rllib_zoo.experiments.cli.main import app
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.evaluation.agent import AGENT_FILE, WEIGHTS_FILE, digest
from rllib_zoo.experiments.paths import AGENTS

SHIPPED = AGENTS / "cartpole-ppo"
GOOD = json.loads((SHIPPED / AGENT_FILE).read_text())
WEIGHTS = load_file(SHIPPED / WEIGHTS_FILE)
# Larger networks than this are a question of memory, not of form.
LARGEST = 300
NAMES = (
    "[/]",
    "[red]x[/red]",
    "[/red]",
    ":smile:",
    "$x$",
    r"$\frac$",
    "_x",
    "<b>",
    "%s",
    "{0}",
    "a|b",
)
DTYPES = ("float16", "float64", "int8", "int64", "uint8", "bool")
NUMBERS = (np.nan, np.inf, -np.inf, 1e39, 1e300, 1e-300, 0.0)


def a_name(level, draw):
    """The key of a value to replace: a known one mostly."""
    return draw(st.sampled_from([*level, "new"]))


@st.composite
def descriptions(draw):
    """``agent.json`` with some values replaced at any level, names of markup among them."""
    found = json.loads(json.dumps(GOOD))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2, 3)))):
        level = found
        while True:
            key = a_name(level, draw)
            if isinstance(level.get(key), dict) and level[key] and draw(st.booleans()):
                level = level[key]
                continue
            level[key] = draw(st.sampled_from(NAMES) | anything(LARGEST))
            break
    return found


@st.composite
def tensors(draw):
    """Weights with some tensors of another dtype, shape or value, or without some."""
    found = dict(WEIGHTS)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(WEIGHTS)))
        kind = draw(st.sampled_from(("dtype", "shape", "value", "missing", "other", "empty")))
        values = WEIGHTS[name].copy()
        if kind == "dtype":
            found[name] = values.astype(draw(st.sampled_from(DTYPES)))
        elif kind == "shape":
            found[name] = values.reshape(-1)[: draw(st.integers(0, 3))]
        elif kind == "value":
            values = values.astype(draw(st.sampled_from((np.float32, np.float64))))
            with np.errstate(over="ignore"):
                values.flat[draw(st.integers(0, values.size - 1))] = draw(st.sampled_from(NUMBERS))
            found[name] = values
        elif kind == "missing":
            found.pop(name, None)
        elif kind == "other":
            found[draw(st.sampled_from(NAMES))] = values
        else:
            found = {}
    return found


@st.composite
def agents(draw):
    """``agent.json`` and the weights as bytes, with a matching digest mostly."""
    description = draw(descriptions())
    weights = save(draw(tensors()))
    kind = draw(st.sampled_from(("whole",) * 5 + ("cut", "bytes", "header")))
    if kind == "cut":
        weights = weights[: draw(st.integers(0, len(weights)))]
    elif kind == "bytes":
        weights = draw(st.binary(max_size=60))
    elif kind == "header":
        at = draw(st.integers(0, 40))
        weights = weights[:at] + draw(st.binary(min_size=1, max_size=4)) + weights[at + 4 :]
    text = json.dumps(description).encode()
    if draw(st.integers(0, 9)) == 0:
        text = text[: draw(st.integers(0, len(text)))]
    return text, weights, draw(st.integers(0, 9)) > 0


def written(folder, drawn):
    text, weights, signed = drawn
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / WEIGHTS_FILE).write_bytes(weights)
    if signed:
        try:
            found = json.loads(text)
            found["weights"]["sha256"] = digest(folder / WEIGHTS_FILE)
            text = json.dumps(found).encode()
        except (ValueError, KeyError, TypeError):
            pass
    (folder / AGENT_FILE).write_bytes(text)
    return folder


def outcome(words):
    """The refusal of a command, None if there is none; everything else is raised."""
    done = CliRunner().invoke(app, words)
    if isinstance(done.exception, RequestError):
        return str(done.exception)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in (0, 1), done.output
    return None if done.exit_code == 0 else done.stderr


@pytest.mark.parametrize("command", ["evaluate", "list"])
def test_any_agent_is_played_or_refused_in_one_line(tmp_path, command):
    refused = {True: 0, False: 0}
    seen = set()

    @fuzzed(40)
    @given(agents())
    def one(drawn):
        folder = written(tmp_path / "agents" / "own", drawn)
        words = ["agent", "list", str(folder.parent)]
        if command == "evaluate":
            words = ["evaluate", str(folder), "--episodes", "1", "--max-steps", "3"]
        refusal = outcome(words)
        lines = [] if refusal is None else refusal.splitlines()
        assert len(lines) < 2 or all(str(folder) in line for line in lines)
        refused[refusal is not None] += 1
        seen.add(refusal)

    (tmp_path / "agents").mkdir()
    one()
    assert min(refused.values()) >= 5
    if command == "evaluate":
        assert any("tensor" in str(refusal) for refusal in seen)
