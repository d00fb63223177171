"""What the command is doing, on a terminal."""

import sys

from rllib_zoo.experiments.console import clear_stage, print_stderr, set_quiet, show_stage


def test_a_stage_is_replaced_by_the_next_line_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    show_stage("importing RLlib")
    show_stage("starting Ray")
    print_stderr("lr: is missing")
    clear_stage()
    erased = "\r\x1b[2K"
    expected = f"importing RLlib …{erased}starting Ray …{erased}lr: is missing\n"
    assert capsys.readouterr().err == expected


def test_no_stage_elsewhere(monkeypatch, capsys):
    show_stage("starting Ray")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    show_stage("starting Ray")
    monkeypatch.setenv("TERM", "xterm")
    set_quiet(True)
    try:
        show_stage("starting Ray")
    finally:
        set_quiet(False)
    assert capsys.readouterr().err == ""
