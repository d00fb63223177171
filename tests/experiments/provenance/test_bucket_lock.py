"""An experiment in a real S3 server has one owner."""

from __future__ import annotations

import json
import threading
import time

import pytest

from rllib_zoo.analysis.files import object_storage as storage
from rllib_zoo.experiments.launch.ownership import has_content
from rllib_zoo.experiments.provenance import bucket_lock
from rllib_zoo.experiments.provenance.bucket_lock import BucketLock
from rllib_zoo.experiments.provenance.folder_lock import InUseError, this_owner

ELSEWHERE = {"host": "elsewhere", "boot": "another", "pid": 7}


@pytest.fixture
def folder(s3, request):
    return storage.local_copy(f"s3://bucket/{request.node.name}/run")


def put(folder, name, content="{}"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    storage.upload(folder / name)


def candidate(folder, **changes):
    """Write the object of another process."""
    owner = {**this_owner(), "owns": True, **changes}
    put(folder, f".lock.{owner['token']}", json.dumps(owner))
    return owner


def test_the_second_is_refused_until_the_first_has_ended(folder):
    first, second = BucketLock(folder), BucketLock(folder)
    first.acquire()
    assert second.holder()["command"] == first.holder()["command"]
    with pytest.raises(InUseError, match=r"^s3://bucket/.*/run: is in use by process \d+ on"):
        second.acquire()
    assert first.has_no_other_owner()
    assert not has_content(folder)
    first.release()
    second.acquire()
    second.release()
    assert storage.files(folder) == []


def test_the_lock_of_a_dead_process_counts_no_more(folder):
    candidate(folder, process_start=1)
    lock = BucketLock(folder)
    assert lock.holder() is None
    lock.acquire()
    assert len(storage.files(folder)) == 1
    lock.release()


@pytest.mark.parametrize("expired", [False, True])
def test_other_machines_are_judged_by_their_sign_of_life(folder, monkeypatch, expired):
    owner = candidate(folder, **ELSEWHERE)
    monkeypatch.setattr(bucket_lock, "EXPIRY_S", -1.0 if expired else 60.0)
    lock = BucketLock(folder)
    if expired:
        lock.acquire()
        lock.release()
    else:
        assert lock.holder()["token"] == owner["token"]
        with pytest.raises(InUseError, match="process 7 on elsewhere"):
            lock.acquire()
    assert not [name for name in storage.files(folder) if name.startswith(".time.")]


def test_an_owner_gives_signs_of_life_and_notices_its_loss(folder, monkeypatch):
    monkeypatch.setattr(bucket_lock, "HEARTBEAT_S", 0.2)
    lost = threading.Event()
    lock = BucketLock(folder, lambda owner: lost.set())
    lock.acquire()
    (name,) = storage.files(folder)
    bucket, key = storage.bucket_of(folder), f"{storage.key_of(folder)}/{name}"
    before = bucket.filesystem().get_file_info(key).mtime
    deadline = time.monotonic() + 20
    while bucket.filesystem().get_file_info(key).mtime == before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert bucket.filesystem().get_file_info(key).mtime > before
    assert not lost.is_set()
    with lock._mutex:
        bucket.filesystem().delete_file(key)
    assert lost.wait(20)


def test_a_renamed_experiment_leaves_an_empty_one_that_is_owned(folder):
    lock = BucketLock(folder)
    lock.acquire()
    put(folder, "manifest.json")
    put(folder, "trial/result.json")
    lock.rename(aside := folder.with_name("run.before"))
    assert sorted(storage.files(aside)) == ["manifest.json", "trial/result.json"]
    assert [name.startswith(".lock.") for name in storage.files(folder)] == [True]
    assert not has_content(folder)
    lock.release()


def test_of_many_that_begin_together_never_two_own(folder, monkeypatch):
    monkeypatch.setattr(bucket_lock, "_PAUSE_S", 0.2)
    owners, most, refused, mutex = set(), [], [], threading.Lock()

    def begin(number):
        lock = BucketLock(folder)
        try:
            lock.acquire()
        except InUseError:
            refused.append(number)
            return
        with mutex:
            owners.add(number)
            most.append(len(owners))
        time.sleep(0.05)
        with mutex:
            owners.remove(number)
        lock.release()

    for _ in range(4):
        threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(most) == {1}
    assert refused
    assert storage.files(folder) == []
