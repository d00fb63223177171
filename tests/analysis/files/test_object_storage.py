"""Local copies of folders in a real S3 server: what is brought, taken back and refused."""

from __future__ import annotations

import os
import sys

import pytest

from rllib_zoo.analysis.files import object_storage as storage
from rllib_zoo.analysis.files.object_storage import ObjectStorageError, local_copy
from rllib_zoo.experiments.cli import main as command
from rllib_zoo.experiments.errors import RequestError
from rllib_zoo.experiments.provenance.trust import is_own, mark_as_own


def put(folder, **files):
    """Write and upload files; of a name every ``__`` is a slash, and ``_json`` an ending."""
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_json", ".json")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        storage.upload(file)
        file.unlink()


def names(folder):
    return sorted(str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file())


def test_a_path_and_its_uri(s3, tmp_path):
    copy = local_copy("s3://bucket/a//b/") / "c"
    assert copy.relative_to(local_copy("s3://bucket")).as_posix() == "a/b/c"
    assert storage.shown(copy) == "s3://bucket/a/b/c"
    assert storage.shown(tmp_path) == str(tmp_path)
    assert str(RequestError(f"{copy} is bad", file=copy / "d")) == (
        "s3://bucket/a/b/c/d: s3://bucket/a/b/c is bad"
    )
    assert storage.bucket_of(tmp_path) is None


def test_a_query_is_repeated_in_what_can_be_typed(s3, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    query = f"endpoint_override=127.0.0.1:{s3.port}&scheme=http"
    copy = local_copy(f"s3://bucket/query?{query}") / "trial"
    storage.require_reachable(copy, write=True)
    assert storage.shown(copy) == f"s3://bucket/query/trial?{query}"
    with pytest.raises(ObjectStorageError, match="that of another server, too"):
        local_copy("s3://bucket/query?endpoint_override=elsewhere.org")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("gs://bucket/x", "gs:// is not supported; use s3://"),
        ("s3:///x", "the name of a bucket is missing"),
        ("s3://me:secret@bucket/x", "credentials belong into the environment"),
        ("s3://bucket/x?regoin=eu", "'regoin' is unknown; after ? are supported"),
        ("s3://bucket/../x", "'..' is no part of a path"),
    ],
)
def test_uris_that_cannot_be_honoured(uri, message):
    with pytest.raises(ObjectStorageError) as caught:
        local_copy(uri)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_checkpoints_come_without_their_bulk_until_it_is_read(s3):
    folder = local_copy("s3://bucket/parts/run")
    put(
        folder,
        manifest_json="{}",
        trial__result_json="{}",
        trial__checkpoint_000000__contents_json="{}",
        trial__checkpoint_000000__learner__weights="1",
        **{"trial__events.out.tfevents.1": "x"},
    )
    storage.download(folder)
    index = "trial/checkpoint_000000/contents.json"
    assert names(folder) == ["manifest.json", index, "trial/result.json"]
    storage.complete(folder / "trial" / "checkpoint_000000")
    assert "trial/checkpoint_000000/learner/weights" in names(folder)


@pytest.mark.parametrize("results", [True, False])
def test_a_checkpoint_comes_with_what_its_parents_say_about_it(s3, results):
    folder = local_copy(f"s3://bucket/parents{results}/run")
    put(folder, manifest_json="{}", trial__params_json="{}", trial__result_json="{}", other="")
    put(folder / "trial" / "checkpoint_000000", weights="1")
    storage.download(folder / "trial" / "checkpoint_000000", results=results)
    inside = ["manifest.json", "trial/checkpoint_000000/weights", "trial/params.json"]
    assert names(folder) == inside + (["trial/result.json"] if results else [])


def test_keys_lead_nowhere_but_into_the_copy(s3, s3_server):
    import boto3

    client = boto3.client(
        "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1"
    )
    for key in ("keys/run/../../escaped.json", "keys/run/inside.json"):
        client.put_object(Bucket="bucket", Key=key, Body=b"{}")
    folder = local_copy("s3://bucket/keys/run")
    storage.download(folder)
    assert names(folder) == ["inside.json"]
    assert not list(folder.parents[3].rglob("escaped.json"))


def test_renaming_and_removing(s3):
    folder = local_copy("s3://bucket/renamed/run")
    put(folder, manifest_json="{}", trial__result_json="{}")
    storage.rename(folder, folder.with_name("before"))
    assert not storage.exists(folder)
    storage.download(folder.with_name("before"))
    assert names(folder.with_name("before")) == ["manifest.json", "trial/result.json"]
    (folder.with_name("before") / "stale").write_text("no longer there")
    storage.download(folder.with_name("before"))
    assert "stale" not in names(folder.with_name("before"))
    storage.remove(folder.with_name("before"))
    assert not storage.exists(folder.with_name("before"))
    with pytest.raises(ObjectStorageError, match="s3://bucket/renamed/run does not exist"):
        storage.download(folder)


def test_an_upload_that_is_cut_off_leaves_the_earlier_object(s3, monkeypatch):
    folder = local_copy("s3://bucket/cut")
    put(folder, manifest_json="earlier")
    sent = []

    def watch(data):
        sent.append(len(data))
        s3.is_cut = sum(sent) > 100_000  # in the middle of the body
        return s3.is_cut

    s3.watch = watch
    file = folder / "manifest.json"
    file.write_bytes(os.urandom(300_000))
    monkeypatch.setattr(storage, "ATTEMPTS", 1)
    with pytest.raises(OSError, match="AWS Error NETWORK_CONNECTION") as caught:
        storage.upload(file)
    assert storage.reason(caught.value).startswith("network connection: ")
    s3.is_cut, s3.watch = False, lambda sent: False
    storage.download(folder)
    assert file.read_text() == "earlier"


def test_a_mark_counts_at_its_place_alone(s3):
    folder = local_copy("s3://bucket/mine/run")
    assert mark_as_own(folder)
    mark = (folder / ".made-here").read_text()
    put(folder, manifest_json="{}")
    storage.download(folder)
    assert is_own(folder / "trial" / "checkpoint_000000")
    other = local_copy("s3://bucket/copied/run")
    put(other, manifest_json="{}", **{".made-here": mark})
    storage.download(other)
    assert (other / ".made-here").read_text() == mark
    assert not is_own(other)


CONFIG = "tiny: {run: PPO, env: CartPole-v1, stop: {training_iteration: 1}}\n"


@pytest.mark.parametrize("case", ["bucket", "connection", "scheme", "restore"])
def test_what_cannot_be_honoured_is_one_line(s3, case, tmp_path, monkeypatch, capsys):
    (file := tmp_path / "run.yaml").write_text(CONFIG)
    s3.is_cut = case == "connection"
    path = {"bucket": "s3://nowhere/a", "scheme": "gs://bucket/a"}.get(case, "s3://bucket/a")
    restore = ["--restore", "s3://bucket/a/b"] if case == "restore" else []
    arguments = ["rllib", "train", "file", str(file), "--storage-path", path, *restore]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    message = {
        "bucket": "s3://nowhere/a/tiny: bucket 'nowhere' does not exist",
        "connection": "s3://bucket/a/tiny: network connection: ",
        "scheme": "gs:// is not supported; use s3://",
        "restore": "--restore: s3://bucket/a/b is not on this machine's disk",
    }[case]
    assert message in line


@pytest.mark.parametrize("option", ["--out", "--video"])
def test_only_experiments_are_written_there(option, tmp_path, monkeypatch, capsys):
    arguments = ["rllib", "evaluate", str(tmp_path), option, "s3://bucket/episodes.csv"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert f"{option}: s3:/bucket/episodes.csv" in capsys.readouterr().err
