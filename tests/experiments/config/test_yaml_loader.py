"""YAML as config files use it: numbers people mean, and refusals with their line."""

from __future__ import annotations

import itertools
import time

import pytest

from rllib_zoo.experiments.config.load import read_experiments
from rllib_zoo.experiments.config.yaml_loader import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_NODES,
    parse_yaml,
)
from rllib_zoo.experiments.errors import RequestError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1e5", 1e5),
        ("1E+5", 1e5),
        ("-1e-4", -1e-4),
        ("1.0e-3", 1e-3),
        (".5", 0.5),
        ("1.", 1.0),
        ("1_000.5", 1000.5),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("1_000", 1000),
        ("200_000", 200_000),
        ("-7", -7),
        ("0", 0),
        ("true", True),
        ("null", None),
        ("~", None),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("e5", "e5"),
        ("'1e-4'", "1e-4"),
        ("true,", "true,"),
        ("2024-13-45", "2024-13-45"),
        ("=", "="),
    ],
)
def test_scalars_are_what_people_mean(text, value):
    read = parse_yaml(f"key: {text}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_not_a_number():
    read = parse_yaml("key: .nan")["key"]
    assert read != read


def test_empty_document():
    assert parse_yaml("") is None
    assert parse_yaml("# only a comment\n") is None


def test_byte_order_mark():
    assert parse_yaml("\ufeffa: 1") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "x.yaml: line 2: key 'a' occurs twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 1", "x.yaml: line 4: key 'b' occurs twice"),
        ("a: {b: 1,\n    b: 1}", "x.yaml: line 2: key 'b' occurs twice"),
        ("1: a\n1.0: b", "x.yaml: line 2: key 1.0 occurs twice"),
        ("b: &b {x: 1}\nc:\n  <<: *b\n  <<: *b", "x.yaml: line 4: key '<<' occurs twice"),
        ("? [1]\n: 2", "x.yaml: line 1: a list or mapping cannot be a key"),
        ("a: *nope", "x.yaml: line 1: found undefined alias 'nope'"),
        ("a: 1\nb:\n\tc: 1", "x.yaml: line 3: found character '\\t' that cannot start any token"),
        ("a: 1\nb: ]", "x.yaml: line 2: expected the node content, but found ']'"),
        ("a: 1\nb: [1", "x.yaml: line 2: expected ',' or ']', but got '<stream end>'"),
        (
            "a: 1\n---\nb: 2",
            "x.yaml: line 2: expected a single document in the stream, but found another document",
        ),
        (
            "<<: 5",
            "x.yaml: line 1: expected a mapping or list of mappings for merging, but found scalar",
        ),
        ("a: &a [*a]", "x.yaml: is not YAML: an alias contains itself"),
        ("a: &a {b: {c: *a}}", "x.yaml: is not YAML: an alias contains itself"),
        (
            "a: \x00",
            "x.yaml: is not YAML: unacceptable character #x0000: "
            "special characters are not allowed",
        ),
    ],
)
def test_refused_with_the_line(text, message):
    with pytest.raises(RequestError) as caught:
        parse_yaml(text, file="x.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.system [echo]",
        "!!python/name:os.system",
        "!mine 1",
        "!!set {b, c}",
        "!!binary aGVsbG8=",
        "!!omap [b: 1]",
        "!!timestamp 5",
        "!!map [1]",
    ],
)
def test_tags_are_refused(tagged):
    with pytest.raises(RequestError, match=r"^x\.yaml: line 2: tag '.*' is not allowed$"):
        parse_yaml(f"a: 1\nb: {tagged}", file="x.yaml")


def test_tags_of_plain_values_are_read():
    """RL Zoo's files write ``n_timesteps: !!float 1e5``."""
    text = "[!!float 1e5, !!float 3, !!int 7, !!str 5, !!bool true]"
    values = parse_yaml(text)
    assert values == [1e5, 3.0, 7, "5", True]
    assert [type(value) for value in values] == [float, float, int, str, bool]
    with pytest.raises(RequestError, match=r"^x\.yaml: "):
        parse_yaml("b: !!float x", file="x.yaml")


def test_deep_nesting_is_one_line():
    for text in ("a: " + "[" * 5000, "a: " + "{b: " * 5000, "- " * 5000):
        with pytest.raises(RequestError) as caught:
            parse_yaml(text, file="x.yaml")
        assert str(caught.value) == f"x.yaml: line 1: nests deeper than {MAX_DEPTH} levels"
    inside = MAX_DEPTH - 2  # the document and the key's value are levels, too
    parse_yaml("a: " + "[" * inside + "]" * inside)


def test_a_ladder_of_aliases_is_no_way_around_the_depth():
    """Each line nests the one before: 10,000 values are reached long before Python's own limit."""
    ladder = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 1000))
    with pytest.raises(RequestError, match="expands to more than"):
        parse_yaml(ladder, file="x.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# " + "x" * MAX_CHARACTERS, f"is longer than {MAX_CHARACTERS:,} characters"),
        ("a: [" + "1," * (MAX_CHARACTERS // 2 - 10) + "]", "line 1: expands to more than 10,000"),
        ("a: " + "1" * (MAX_CHARACTERS - 10), "is not YAML: Exceeds the limit"),
    ],
)
def test_huge_files_are_refused_in_bounded_time(text, message):
    began = time.process_time()
    with pytest.raises(RequestError, match=message):
        parse_yaml(text, file="x.yaml")
    assert time.process_time() - began < 10


def bomb(line):
    """Eight levels of nine aliases each: 9⁸ values out of nine short lines."""
    names = "abcdefghi"
    first = f"{names[0]}: &{names[0]} {line}\n"
    return first + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in itertools.pairwise(names)
    )


def test_billion_laughs_are_refused_at_once():
    started = time.monotonic()
    with pytest.raises(RequestError, match=rf"^x\.yaml: expands to more than {MAX_NODES:,} values"):
        parse_yaml(bomb("[lol, lol, lol]"), file="x.yaml")
    assert time.monotonic() - started < 1.0


def test_billion_laughs_by_merge_keys_are_refused():
    text = "a0: &a0 {k: 1}\n" + "".join(
        f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
    )
    with pytest.raises(RequestError, match="expands to more than"):
        parse_yaml(text)


def test_a_few_aliases_are_welcome():
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}


def test_merge_keys():
    text = "base: &base {lr: 1e-3, gamma: 0.9}\nother: {<<: *base, gamma: 0.99}"
    assert parse_yaml(text)["other"] == {"lr": 1e-3, "gamma": 0.99}


def test_the_first_of_several_merged_mappings_wins():
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}"
    assert parse_yaml(text)["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize("document", ["[1, 2]", "5", "just words", "- run: PPO"])
def test_a_file_must_map(tmp_path, document):
    file = tmp_path / "x.yaml"
    file.write_text(document)
    with pytest.raises(RequestError, match=r"contains a \w+; it must map names") as caught:
        read_experiments(file)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize("document", ["", "# nothing\n", "{}", "---\n"])
def test_an_empty_file(tmp_path, document):
    file = tmp_path / "x.yaml"
    file.write_text(document)
    with pytest.raises(RequestError) as caught:
        read_experiments(file)
    assert str(caught.value) == (f"{file}: is empty; it must map names to experiments")


def test_files_that_cannot_be_read(tmp_path):
    wrong = tmp_path / "x.json"
    wrong.write_text("{}")
    binary = tmp_path / "x.yaml"
    binary.write_bytes(b"a: \xff\xfe")
    folder = tmp_path / "folder.yaml"
    folder.mkdir()
    expected = {
        wrong: "has the ending '.json'; use .yaml or .py",
        tmp_path / "none.yaml": "does not exist",
        folder: "is not a file; rllib example list shows the tuned configs",
        binary: "cannot be read: 'utf-8' codec can't decode byte 0xff in position 3: "
        "invalid start byte",
    }
    for file, message in expected.items():
        with pytest.raises(RequestError) as caught:
            read_experiments(file)
        assert str(caught.value) == f"{file}: {message}"


def test_several_experiments_in_a_file(tmp_path):
    file = tmp_path / "x.yml"
    file.write_text(
        "one: &one {run: PPO, env: CartPole-v1, config: {lr: 1e-4}}\ntwo: {<<: *one, run: A2C}\n"
    )
    one, two = read_experiments(file)
    assert (one.name, one.algorithm, one.config) == ("one", "PPO", {"lr": 1e-4})
    assert (two.name, two.algorithm, two.config) == ("two", "A2C", {"lr": 1e-4})
    assert one.source == two.source == file
    assert one.text == file.read_text()
