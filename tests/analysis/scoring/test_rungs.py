"""The rungs of ASHA: the same as those of Tune's own scheduler, and what is shown of them."""

import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from result_folders import result

from rllib_zoo import analysis
from rllib_zoo.analysis.options import ReportOptions
from rllib_zoo.analysis.report.report import report

RETURN = "env_runners/episode_return_mean"
ASHA = {
    "type": "asha", "time_attr": "timesteps_total", "max_t": 1600, "grace_period": 100,
    "reduction_factor": 4, "brackets": 1, "stop_last_trials": True,
}  # fmt: skip


def manifest(mode="max", **changes):
    """Of a sweep with ASHA; changes of its settings, None leaves one out."""
    scheduler = {name: value for name, value in (ASHA | changes).items() if value is not None}
    request = {"metric": RETURN, "mode": mode, "scheduler": scheduler["type"]}
    return {"started": "2026-12-01", "request": request, "scheduler": scheduler}


@pytest.fixture
def sweep(trial, tmp_path):
    """Writes trials with these returns, one per 100 steps; a name that ends with "-" was stopped."""

    def write(curves, about=None, *, every=1, experiment="sweep"):
        for number, (name, returns) in enumerate(curves.items()):
            config = {"lr": 0.001 * (number + 1)}
            lines = [json.dumps(result(every * i, r) | {"config": {}})
                     for i, r in enumerate(returns, 1)]  # fmt: skip
            path = trial(
                experiment, f"PPO_{name}", config=config, lines=lines, manifest=about or manifest()
            )
            if name.endswith("-"):
                (path / "stopped_early.txt").touch()
        return analysis.load(tmp_path / "results")

    return write


def tunes_own(curves, mode="max", every=1, **settings):
    """Tune's scheduler after the trials of which it decided, and the results that they got to."""
    from ray.tune.schedulers import AsyncHyperBandScheduler

    arguments = {name: value for name, value in (ASHA | settings).items() if name != "type"}
    asha = AsyncHyperBandScheduler(metric=RETURN, mode=mode, **arguments)
    trials = {name: SimpleNamespace(trial_id=name) for name in curves}
    for trial in trials.values():
        asha.on_trial_add(None, trial)
    kept = {name: [] for name in curves}
    stopped = set()
    for step in range(max(map(len, curves.values()))):
        for name in sorted(set(curves) - stopped):
            steps = 100 * every * (step + 1)
            kept[name].append(curves[name][step])
            row = {"timesteps_total": steps, RETURN: curves[name][step]}
            if asha.on_trial_result(None, trials[name], row) == "STOP":
                stopped.add(name)
                asha.on_trial_complete(None, trials[name], row)
    early = {name for name in stopped if len(kept[name]) < len(curves[name])}
    return asha._brackets[0], {f"{n}-" if n in early else n: kept[n] for n in curves}


@pytest.mark.parametrize(
    ("seed", "mode", "settings"),
    [
        (0, "max", {}),
        (1, "min", {"reduction_factor": 2}),
        (2, "max", {"reduction_factor": 3, "stop_last_trials": False}),
        (3, "max", {"grace_period": 150, "reduction_factor": 2.5}),
    ],
)
def test_rungs_are_those_of_tune(sweep, seed, mode, settings):
    scores = np.random.default_rng(seed).normal(size=(20, 16)).cumsum(axis=1)
    returns = {f"t{i:02}": list(row) for i, row in enumerate(scores)}
    bracket, curves = tunes_own(returns, mode, **settings)
    table = analysis.rung_table(sweep(curves, manifest(mode, **settings))).set_index("time")
    sign = 1 if mode == "max" else -1
    assert len(bracket._rungs) > 2
    for time, recorded in bracket._rungs:
        row = table.loc[time]
        assert row["reached"] == len(recorded)
        assert row["best"] == sign * max(recorded.values())
        if time < ASHA["max_t"] or not settings.get("stop_last_trials", True):
            assert row["cutoff"] == sign * bracket.cutoff(recorded)
        if time < ASHA["max_t"]:
            assert row["reached"] == row["went_on"] + row["stopped"]
    assert table["stopped"].sum() == sum(name.endswith("-") for name in curves) > 4


@pytest.mark.parametrize(("ends", "times"), [(True, {500.0, 1000.0}), (False, {500.0})])
def test_a_result_that_passes_two_rungs_counts_at_the_higher_one(sweep, ends, times):
    curves = {"a": [5.0, 7.0, 7.0], "b": [6.0, 9.0, 8.0]}
    settings = {"stop_last_trials": ends}
    bracket, kept = tunes_own(curves, every=5, **settings)  # 500 steps are beyond 100 and 400
    results = sweep(kept, manifest(**settings), every=5)
    trials = analysis.summary.summarise(results, resamples=100).rungs[0].trials
    assert set(trials["time"]) == times
    for rung, time in enumerate((100, 400), start=1):
        recorded = dict(bracket._rungs)[time]
        found = trials[trials["rung"] == rung]["score"]
        assert sorted(found) == sorted(recorded.values())


def test_a_result_without_the_metric_counts_with_the_score_before(sweep):
    results = sweep({"a": [3.0, 4.0, float("nan"), float("nan"), 8.0]}, manifest(grace_period=300))
    assert analysis.rung_table(results)["best"].iloc[0] == 4.0


def test_a_failed_trial_was_not_stopped(sweep):
    about = manifest() | {"trials": [{"folder": "PPO_b", "status": "failed"}]}
    table = analysis.rung_table(sweep({"a": [3.0] * 16, "b": [2.0]}, about))
    assert table.loc[0, ["reached", "went_on", "stopped"]].tolist() == [2, 1, 0]


def test_several_brackets_have_no_cut_off_and_the_page_tells_why(sweep, tmp_path):
    results = sweep({"a": [1.0] * 16, "b-": [0.0]}, manifest(brackets=2))
    assert analysis.rung_table(results)["cutoff"].isna().all()
    report([tmp_path / "results"], tmp_path / "out", ReportOptions(resamples=100))
    assert (
        "does not record which: no cut-off is given" in (tmp_path / "out/report.html").read_text()
    )


def test_the_page_has_table_and_figure(sweep, tmp_path):
    sweep({"a": [5.0, 6.0, 7.0, 8.0] * 4, "b": [4.0] * 5, "c-": [1.0]})
    summary = report([tmp_path / "results"], tmp_path / "out", ReportOptions(resamples=100))
    assert not any("rungs" in warning for warning in summary.warnings)
    page = (tmp_path / "out/report.html").read_text()
    assert "below the 0.75 quantile" in page
    cells = "".join(f'<td class=" ">{cell}</td>' for cell in (1, 100, 3, 2, 1, 4.5, 5))
    assert cells in page
    assert (tmp_path / "out/figures/cartpole-v1-sweep-rungs.pdf").exists()


def test_the_figure_has_a_point_per_trial_and_rung(sweep):
    results = sweep({"a": [5.0, 6.0, 7.0, 8.0] * 4, "b": [4.0] * 5, "c-": [1.0]})
    ax = analysis.plot_rungs(results, ax=plt.figure().gca())
    points = {line.get_label(): line.get_xydata().tolist() for line in ax.get_lines()}
    assert points["went on"] == [[1, 5.0], [2, 8.0], [1, 4.0], [2, 4.0]]
    assert points["stopped"] == [[1, 1.0]]
    assert points["complete"] == [[3, 8.0]]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["100", "400", "1.6k"]
    assert ax.collections[0].get_segments()[0][:, 1].tolist() == [4.5, 4.5]


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (manifest(max_t=None), "does not have all settings of ASHA"),
        (manifest(max_t="soon"), "does not have all settings of ASHA"),
        (manifest(grace_period=-1), "are invalid"),
        (manifest(reduction_factor=1), "are invalid"),
        (manifest(type="hyperband"), "which bracket of HyperBand"),
        (manifest(time_attr="own_clock"), "result 'own_clock' of its scheduler is not among"),
        ({"request": {"scheduler": "AsyncHyperBand", "metric": RETURN}}, "does not have all settings"),
        (manifest(type="median_stopping"), "no experiment had the scheduler asha"),
        ({"request": {"metric": RETURN}}, "no experiment had the scheduler asha"),
    ],
)  # fmt: skip
def test_unknown_rungs_have_a_reason(sweep, about, reason):
    results = sweep({"a": [1.0] * 5, "b-": [0.0]}, about)
    with pytest.raises(ValueError, match=reason):
        analysis.rung_table(results)
    summary = analysis.summary.summarise(results, resamples=100)
    assert not summary.rungs
    told = [notice.text for notice in summary.notices if "rungs" in notice.text]
    assert [reason in text for text in told] == ([] if "no experiment" in reason else [True])


def test_experiments_of_one_name_are_numbered_and_chosen_by_name(sweep):
    sweep({"a": [1.0] * 5}, manifest() | {"started": "earlier"}, experiment="one/sweep")
    results = sweep({"a": [2.0] * 5}, experiment="two/sweep")
    assert set(analysis.rung_table(results)["experiment"]) == {"sweep", "sweep (2)"}
    with pytest.raises(ValueError, match="choose one with experiment=, of sweep, sweep"):
        analysis.plot_rungs(results)
    with pytest.raises(ValueError, match="did you mean 'sweep"):
        analysis.plot_rungs(results, experiment="swep")
    axes = analysis.plot_rungs(results, experiment="sweep (2)", ax=plt.figure().gca())
    assert axes.get_lines()[1].get_ydata().tolist() == [2.0, 2.0]
