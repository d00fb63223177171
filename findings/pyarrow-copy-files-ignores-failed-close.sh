#!/usr/bin/env bash
# PyArrow 26.0.1: `pyarrow.fs.copy_files` succeeds although the copy could not be written.
#
# It copies files between file systems; Ray Train and Tune save checkpoints and results with it.
# Guess: an error when a file is closed, where an object store's upload ends and a buffer is flushed, is raised
# as by the stream itself.
# Seen: it is ignored, with one file and with a folder, with and without threads, whatever the file system: a
# lost connection to S3 or a full disk leaves a checkpoint without some of its files, and training goes on.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'pyarrow==26.0.1'
venv/bin/python - <<'PYTHON' 2> log
import os
import pathlib

import pyarrow as pa
from pyarrow import fs

local = fs.LocalFileSystem()


class File:
    """Takes everything, and cannot be closed."""

    closed = False

    def write(self, data):
        return len(data)

    def tell(self):
        return 0

    def flush(self):
        pass

    def close(self):
        self.closed = True
        raise OSError("No space left on device")


class Full(fs.FileSystemHandler):
    """A file system whose files cannot be closed."""

    def open_output_stream(self, path, metadata):
        return pa.PythonFile(File(), mode="w")

    def create_dir(self, path, recursive):
        local.create_dir(path, recursive=recursive)

    def get_type_name(self):
        return "full"

    get_file_info = get_file_info_selector = staticmethod(local.get_file_info)
    normalize_path = staticmethod(local.normalize_path)
    copy_file = delete_dir = delete_dir_contents = delete_file = delete_root_dir_contents = move = None
    open_append_stream = open_input_file = open_input_stream = None


def outcome(call):
    try:
        call()
    except OSError as error:
        return f"raises {error}"
    return "succeeds"


full = fs.PyFileSystem(Full())
here = pathlib.Path(os.getcwd())
(here / "from").mkdir()
for name in ("a", "b"):
    (here / "from" / name).write_bytes(bytes(1000))


def copy(source, threads):
    target = str(here / "to")
    return lambda: fs.copy_files(
        str(source), target, destination_filesystem=full, use_threads=threads
    )


copies = [outcome(copy(p, t)) for p in (here / "from", here / "from" / "a") for t in (True, False)]
stream = full.open_output_stream(str(here / "x"))
stream.write(b"x")
closed = outcome(stream.close)
print("pyarrow", pa.__version__)
print("copy_files:", copies)
print("the stream's close:", closed)
same = copies == ["succeeds"] * 4 and closed.startswith("raises")
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
