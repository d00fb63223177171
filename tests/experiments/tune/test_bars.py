"""A trial's line fits every width of a terminal; more than ten trials have a summary line."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

from rllib_zoo.experiments.console import plain_console
from rllib_zoo.experiments.tune import progress
from rllib_zoo.experiments.tune.display import bars, sweep_summary
from rllib_zoo.experiments.tune.display.bars import Bar, Bars, clock, shortened
from rllib_zoo.experiments.tune.progress import TrialProgress, close_displays
from rllib_zoo.experiments.tune.stoppers import FirstReached

CELLS = {
    "return": "return 489.6", "rate": "11,234 steps/s", "steps": "200,704 steps",
    "episodes": "(100 episodes)",
}  # fmt: skip
LONG = "fcnet_hiddens=[256,256] lr=0.0003 clip_param=0.2 gamma=0.995 seed=2003"


class Trial(SimpleNamespace):
    def __str__(self):
        return self.name


@pytest.fixture
def now(monkeypatch):
    time = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(bars.time, "monotonic", lambda: time.seconds)
    return time


def console(width):
    """As the command's: a terminal whose text is not wrapped."""
    made = plain_console()
    made.file, made._force_terminal, made.width, made.height = io.StringIO(), True, width, 24
    made._color_system = None
    return made


def drawn(width, *shown, footer=""):
    display, out = Bars(), console(width)
    display.bars = {str(n): bar for n, bar in enumerate(shown)}
    display.footer = footer
    out.print(display)
    return out.file.getvalue().splitlines()


@pytest.mark.parametrize("name", ["PPO CartPole-v1", "lr=0.001 seed=3", LONG, "環境" * 30])
@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (60, ["return 489.6", "2:05 left"]),
        (80, ["return 489.6", "11,234 steps/s", "2:05 left"]),
        (100, ["return 489.6", "11,234 steps/s", "2:05 left", "200,704 steps"]),
        (140, ["return 489.6", "11,234 steps/s", "2:05 left", "200,704 steps", "(100 episodes)"]),
    ],
)
def test_a_line_has_bar_and_numbers_at_every_width(now, width, wanted, name):
    (line,) = drawn(width, Bar(name, 0.42, CELLS, ends=now.seconds + 125))
    assert cell_len(line) <= width
    assert line.count("━") >= int(0.42 * bars.MIN_BAR)  # without colours, only what is done
    assert [text for text in (*CELLS.values(), "2:05 left") if text in line] == sorted(
        wanted, key=[*CELLS.values(), "2:05 left"].index
    )
    kept = name if cell_len(name) <= bars.MIN_NAME else name[-7:]
    assert kept in line


def test_lines_are_aligned_and_a_terminal_that_is_too_narrow_gets_the_name(now):
    lines = drawn(80, Bar("a", 0.1, CELLS), Bar("lr=0.001 seed=3", 0.9, CELLS))
    assert len({line.index("return") for line in lines}) == 1
    assert all(cell_len(line) <= 20 for line in drawn(20, Bar("lr=0.001 seed=3", 0.1, CELLS)))


def test_what_a_trial_waits_for_is_shown_whole(now):
    text = (
        "no result yet, 70 s, more than sample_timeout_s: environment 'Maze' may hang; Ctrl-C ends "
        "the run"
    )
    lines = drawn(80, Bar("lr=0.001 seed=3", message=text))
    assert all(cell_len(line) <= 80 for line in lines)
    words = " ".join(line[17:].strip() for line in lines)
    assert words == text


def test_lost_runners_are_shown(now):
    (line,) = drawn(140, Bar("lr=0.001 seed=3", 0.4, CELLS, warning="1 of 2 runners"))
    assert "1 of 2 runners" in " ".join(drawn(80, Bar("a", 0.4, CELLS, warning="1 of 2 runners")))
    assert line.rstrip().endswith("1 of 2 runners")


def test_more_bars_than_lines_leave_room_for_the_summary(now):
    lines = drawn(80, *[Bar(f"seed={n}", 0.1, CELLS) for n in range(60)], footer="3 of 90 done")
    assert len(lines) <= 24
    assert lines[-1].strip() == "3 of 90 done"


@pytest.mark.parametrize(
    ("name", "width", "text"),
    [("lr=0.001", 8, "lr=0.001"), ("lr=0.0001 seed=3", 12, "lr=0.0…eed=3"), ("abc", 1, "…")],
)
def test_shortened_names_keep_their_end(name, width, text):
    assert shortened(name, width) == text
    assert cell_len(shortened("環境環境", 5)) <= 5


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (125, "2:05"), (3725, "1:02:05")])
def test_clock(seconds, text):
    assert clock(seconds) == text


# --- more than ten trials ----------------------------------------------------------------------


def trials(done=0, failed=0, running=0, returns=()):
    statuses = ["TERMINATED"] * done + ["ERROR"] * failed + ["RUNNING"] * running
    values = [*returns, *[None] * len(statuses)]
    return [
        Trial(
            name=f"lr=0.001 seed={n}", trial_id=f"t_{n}", status=status, config={},
            last_result={"training_iteration": 1} if value is None else
            {"training_iteration": 1, "env_runners": {"episode_return_mean": value}},
        )
        for n, (status, value) in enumerate(zip(statuses, values, strict=False))
    ]  # fmt: skip


def test_the_summary_line_counts_and_names_the_best(monkeypatch):
    time = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(sweep_summary.time, "monotonic", lambda: time.seconds)
    summary = sweep_summary.SweepSummary(30, progress.RETURN, "max")
    first = summary.line(trials(running=4), lambda trial: 0.0)
    assert first == "0 of 30 done, 4 running, 26 waiting"
    time.seconds = 30.0  # starting up
    assert "left" not in summary.line(trials(1, running=3), lambda trial: 0.0)
    time.seconds = 95.0
    values = [100.0, 489.6, 20.0]
    line = summary.line(trials(12, 1, 4, values), lambda trial: 0.5)
    # 14 of 29 in 65 s: about as long again.
    assert line == (
        "12 of 30 done, 1 failed, 4 running, 13 waiting, best lr=0.001 seed=1 489.6, about 1 min left"
    )
    assert summary.line(trials(12, 1, 4), lambda trial: 0.5, 20.0).endswith("about 20 s left")
    assert summary.line(trials(30), lambda trial: 1.0) == "30 of 30 done"
    lowest = sweep_summary.SweepSummary(3, progress.RETURN, "min")
    assert "best lr=0.001 seed=2 20.0" in lowest.line(trials(3, returns=values), lambda trial: 1.0)


def test_after_a_resume_only_new_progress_counts(monkeypatch):
    time = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(sweep_summary.time, "monotonic", lambda: time.seconds)
    summary = sweep_summary.SweepSummary(20, progress.RETURN, "max")
    summary.line(trials(10), lambda trial: 0.0)
    time.seconds = 60.0
    assert "about 9 min left" in summary.line(trials(11), lambda trial: 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "10 s"), (44, "40 s"), (100, "2 min"), (4800, "1 h 20 min")]
)
def test_rough_duration(seconds, text):
    assert sweep_summary.rough_duration(seconds) == text


def run(planned, terminal, events):
    """What a callback prints of finished trials, and its last footer."""
    callback = TrialProgress(FirstReached({"training_iteration": 1}), None, planned)
    callback._console = out = console(120)
    out._force_terminal = terminal
    for trial in events:
        callback.on_trial_start(0, events, trial)
        callback.on_trial_result(0, events, trial, trial.last_result)
        callback.on_step_begin(0, events)
    for trial in events:
        trial.status = "TERMINATED"
        callback.on_trial_complete(0, events, trial)
    callback.on_experiment_end(events)
    footer = callback._bars.footer
    close_displays()
    return out.file.getvalue(), footer


def test_many_trials_on_a_terminal_have_one_line():
    text, footer = run(12, True, trials(running=12))
    assert "done," not in text.replace("of 12 done,", "")
    assert footer == "12 of 12 done"
    text, footer = run(3, True, trials(running=3))
    assert text.count(": done, 0 steps") == 3
    assert footer == ""


def test_many_trials_elsewhere_have_a_line_each_when_they_end():
    text, _ = run(12, False, trials(running=12))
    lines = text.splitlines()
    assert sum(": done, 0 steps" in line for line in lines) == 12
    # One summary at most every ten seconds, no line when a trial starts or has a result.
    assert [line for line in lines if ": done" not in line] == [
        "0 of 12 done, 12 running", "12 of 12 done",
    ]  # fmt: skip
    assert Console(file=io.StringIO()).is_terminal is False
