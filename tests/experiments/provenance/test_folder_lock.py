"""One owner per folder, whatever is killed, stopped or slow at whatever moment."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from rllib_zoo.experiments.provenance import folder_lock
from rllib_zoo.experiments.provenance.folder_lock import LOCK, FolderLock, InUseError
from rllib_zoo.experiments.provenance.process_identity import current_process, is_running


def forked(function):
    """The process id of a child that runs a function and ends."""
    pid = os.fork()
    if pid:
        return pid
    try:
        function()
        os._exit(0)
    except BaseException:
        os._exit(1)


def refusal(folder):
    with pytest.raises(InUseError) as caught:
        FolderLock(folder).acquire()
    return str(caught.value)


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(LOCK))


def written(folder, **changes):
    """A lock as another process would have left it, and what is in it."""
    owner = {**current_process(), "since": "then", "command": "rllib train", "token": "other"}
    folder.mkdir(exist_ok=True)
    (folder / LOCK).write_text(json.dumps({**owner, **changes}))
    return folder / LOCK


def test_the_holder_is_named_until_it_releases(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rllib", "train", "file", "a b.yaml"])
    folder = tmp_path / "new" / "run"
    lock = FolderLock(folder)
    lock.acquire()
    assert hidden(folder) == [LOCK]
    owner = FolderLock(folder).holder()
    since = owner["since"]
    who = f"process {os.getpid()} on {owner['host']} since {since}: rllib train file 'a b.yaml'"
    assert (
        refusal(folder)
        == f"{folder}: is in use by {who}; wait until it has ended, or use another folder"
    )
    lock.release()
    lock.release()
    assert not folder.exists()
    FolderLock(folder).release()
    assert FolderLock(folder).holder() is None
    FolderLock(folder).acquire()


def test_a_folder_with_results_stays(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


@pytest.mark.parametrize(
    "changes",
    [{"pid": 2**22 + 1}, {"process_start": 1}, {"pid": -1}],
    ids=["no such process", "a process id used again", "no process id"],
)
def test_a_dead_process_of_this_machine_owns_nothing(tmp_path, changes):
    written(tmp_path / "run", **changes)
    assert FolderLock(tmp_path / "run").holder() is None
    FolderLock(tmp_path / "run").acquire()
    assert hidden(tmp_path / "run") == [LOCK]


def test_a_zombie_is_dead_and_a_stopped_process_is_not(tmp_path):
    ready = tmp_path / "ready"

    def hold():
        FolderLock(tmp_path / "run").acquire()
        ready.touch()
        time.sleep(60)

    pid = forked(hold)
    while not ready.exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGSTOP)
    assert f"process {pid} on" in refusal(tmp_path / "run")
    os.kill(pid, signal.SIGKILL)
    while FolderLock(tmp_path / "run").holder():  # nobody has waited for it: a zombie
        time.sleep(0.01)
    FolderLock(tmp_path / "run").acquire()
    os.waitpid(pid, 0)


def test_another_machine_is_judged_by_its_sign_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 0.05)
    lock = written(tmp_path, boot="another", host="node7")
    assert f"process {os.getpid()} on node7 since then" in refusal(tmp_path)
    os.utime(lock, (time.time() - 59,) * 2)
    assert FolderLock(tmp_path).holder()["host"] == "node7"
    # Also after the file server's clock was set back.
    for seconds in (61, -3600):
        os.utime(lock, (time.time() - seconds,) * 2)
        assert FolderLock(tmp_path).holder() is None
    own = FolderLock(tmp_path)
    own.acquire()
    assert own.holder()["host"] == current_process()["host"]


def test_a_clock_set_forward_kills_nobody(tmp_path, monkeypatch):
    """The other machine touches its lock, an hour later than the last time."""
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 1.0)
    lock = written(tmp_path, boot="another")
    os.utime(lock, (time.time() - 3600,) * 2)
    pid = forked(lambda: (time.sleep(0.5), os.utime(lock)))
    assert FolderLock(tmp_path).holder()["boot"] == "another"
    os.waitpid(pid, 0)


def test_the_file_servers_clock_decides(tmp_path, monkeypatch):
    written(tmp_path, boot="another")
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert FolderLock(tmp_path).holder()["boot"] == "another"


def test_the_owner_touches_its_lock_and_brings_a_deleted_one_back(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 0.05)
    lost = []
    lock = FolderLock(tmp_path, lost.append)
    lock.acquire()
    os.utime(tmp_path / LOCK, (0, 0))
    time.sleep(0.5)
    assert time.time() - (tmp_path / LOCK).stat().st_mtime < 60
    (tmp_path / LOCK).unlink()
    time.sleep(0.5)
    assert f"process {os.getpid()} " in refusal(tmp_path)
    # Another machine took over while this one was stopped.
    written(tmp_path, boot="another", host="node7")
    time.sleep(0.5)
    assert [owner["host"] for owner in lost] == ["node7"]
    lock.release()
    assert FolderLock(tmp_path).holder()["host"] == "node7"


def test_after_a_long_stop_a_missing_lock_is_lost(tmp_path, monkeypatch):
    """Another machine may have come and gone."""
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(folder_lock, "EXPIRY_S", 0.0)
    lost = []
    FolderLock(tmp_path, lost.append).acquire()
    (tmp_path / LOCK).unlink()
    time.sleep(0.5)
    assert lost == [{}]
    assert hidden(tmp_path) == []


def test_a_renamed_folder_takes_no_lock_along(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "result.json").write_text("{}")
    lock = FolderLock(tmp_path / "run")
    lock.acquire()
    lock.rename(tmp_path / "aside")
    assert [path.name for path in (tmp_path / "aside").iterdir()] == ["result.json"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == [LOCK]
    assert f"process {os.getpid()} " in refusal(tmp_path / "run")


def test_who_slips_in_while_a_folder_is_renamed_wins(tmp_path, monkeypatch):
    lock = FolderLock(tmp_path / "run")
    lock.acquire()
    acquire = lock.acquire
    monkeypatch.setattr(lock, "acquire", lambda: (written(tmp_path / "run"), acquire()))
    with pytest.raises(InUseError, match="since then: rllib train"):
        lock.rename(tmp_path / "aside")
    lock.release()
    assert FolderLock(tmp_path / "run").holder()["token"] == "other"
    assert not (tmp_path / "aside").exists()


def test_who_finds_a_folder_renamed_begins_again(tmp_path, monkeypatch):
    """Another command moves it aside between two steps of taking the lock."""
    (tmp_path / "run").mkdir()
    link = folder_lock.link

    def renamed(source, target):
        monkeypatch.setattr(folder_lock, "link", link)
        (tmp_path / "run").rename(tmp_path / "aside")
        return link(source, target)

    monkeypatch.setattr(folder_lock, "link", renamed)
    FolderLock(tmp_path / "run").acquire()
    assert f"process {os.getpid()} " in refusal(tmp_path / "run")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"token": "../x"}', b"\xff" * 100])
def test_a_damaged_lock_counts_until_it_is_old(tmp_path, monkeypatch, content):
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 0.05)
    (tmp_path / LOCK).write_bytes(content)
    assert "is in use by another command, which .lock does not name" in refusal(tmp_path)
    os.utime(tmp_path / LOCK, (0, 0))
    FolderLock(tmp_path).acquire()
    assert hidden(tmp_path) == [LOCK]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("nowhere", path)])
def test_what_is_no_file_keeps_nobody_waiting(tmp_path, monkeypatch, make):
    monkeypatch.setattr(folder_lock, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(folder_lock, "_ATTEMPTS", 3)
    make(tmp_path / LOCK)
    with pytest.raises((InUseError, OSError)):
        FolderLock(tmp_path).acquire()


def test_a_full_or_read_only_disk_is_an_os_error(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="No space left"):
        FolderLock(tmp_path).acquire()
    assert hidden(tmp_path) == []


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lock = FolderLock(tmp_path)
    lock.acquire()
    assert f"process {os.getpid()} " in refusal(tmp_path)
    lock.release()
    written(tmp_path, pid=2**22 + 1)
    FolderLock(tmp_path).acquire()


def contend(folder, inside, violations, seed, end):
    """Acquire and release until the time is up; half of the owners are killed."""
    draw = random.Random(seed)
    read = FolderLock._read

    def slow(self, name):
        owner = read(self, name)
        time.sleep(draw.random() * 0.005)
        return owner

    FolderLock._read = slow
    me = json.dumps(current_process())
    while time.monotonic() < end:
        lock = FolderLock(folder)
        try:
            lock.acquire()
        except InUseError:
            time.sleep(draw.random() * 0.002)
            continue
        other = inside.read_text()
        if other and is_running(json.loads(other)):
            violations.touch()
        inside.write_text(me)
        time.sleep(draw.random() * 0.004)
        if inside.read_text() != me:
            violations.touch()
        if draw.random() < 0.5:
            os.kill(os.getpid(), signal.SIGKILL)
        inside.write_text("")
        lock.release()


def test_of_many_that_find_a_stale_lock_one_wins(tmp_path):
    """Six processes at a time, which are killed as owners and, at random moments, as contenders."""
    folder, inside, violations = (tmp_path / name for name in ("run", "inside", "violations"))
    inside.write_text("")
    end, draw, seeds = time.monotonic() + 4, random.Random(0), iter(range(10**6))

    def start():
        return forked(lambda: contend(folder, inside, violations, next(seeds), end))

    running = [start() for _ in range(6)]
    killed = 0
    while time.monotonic() < end:
        time.sleep(0.002)
        for index, pid in enumerate(running):
            if draw.random() < 0.005:
                os.kill(pid, signal.SIGKILL)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                killed += os.WIFSIGNALED(status)
                next(seeds)
                running[index] = start()
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in running]
    assert set(codes) <= {0, -signal.SIGKILL}
    assert killed > 5
    assert not violations.exists()
    FolderLock(folder).acquire()


def test_a_process_is_known_by_its_start_not_by_its_number():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = current_process()
    assert is_running(me) is True
    assert is_running({**me, "boot": "another"}) is None
    assert is_running({**me, "boot": None}) is None
    assert is_running({}) is None
    assert is_running({**me, "pid": process.pid}) is False
    process.communicate(b"\n")
