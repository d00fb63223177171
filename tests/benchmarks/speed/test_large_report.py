"""The benchmark of large reports: the trials it writes."""

from rllib_zoo import analysis
from rllib_zoo.benchmarks.speed.large_report import write_trials


def test_the_trials_are_a_sweep_of_two_settings_with_ten_seeds(tmp_path):
    write_trials(tmp_path / "sweep", results=2)
    results = analysis.load(tmp_path / "sweep")
    assert results.runs["group"].value_counts().tolist() == [10] * 30
    assert results.runs["return_mean"].notna().all()
    assert set(results.runs["status"]) == {"done"}
    assert results.curves["steps"].unique().tolist() == [2000, 4000]
    line = next((tmp_path / "sweep").rglob("result.json")).read_text().splitlines()[0]
    assert 2_300 < len(line) < 2_800  # 99,000 of them are 250 MB
