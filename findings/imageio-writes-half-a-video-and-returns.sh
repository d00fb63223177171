#!/usr/bin/env bash
# imageio 2.38.1 with imageio-ffmpeg 0.8.1: a video that could not be written whole is no error.
#
# `imageio.mimwrite` and `imageio.get_writer` pass frames to an ffmpeg process; videos of policies are written so.
# Guess: when ffmpeg cannot write its file, because the disk is full or a limit of file sizes is reached, closing
# the writer raises, as closing any other file does.
# Seen: both return normally, ffmpeg's exit code is dropped, and what is left cannot be read.
# Exit code 0 while that is so, 1 when it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check 'imageio==2.38.1' 'imageio-ffmpeg==0.8.1' 'numpy==2.4.6'
venv/bin/python - <<'PYTHON' 2> log
import importlib.metadata
import resource
import signal

import imageio.v2 as imageio
import imageio_ffmpeg
import numpy as np

frames = np.random.default_rng(0).integers(0, 256, (100, 64, 64, 3), dtype=np.uint8)


def by_function(name):
    imageio.mimwrite(name, frames, fps=30)


def by_writer(name):
    with imageio.get_writer(name, fps=30) as writer:
        for frame in frames:
            writer.append_data(frame)


def outcome(write, name):
    try:
        write(name)
    except Exception as error:
        return f"raises {type(error).__name__}"
    return "returns"


def frames_in(name):
    try:
        return imageio_ffmpeg.count_frames_and_secs(name)[0]
    except Exception:
        return None


print({name: importlib.metadata.version(name) for name in ("imageio", "imageio-ffmpeg")})
whole = [(outcome(w, f"{w.__name__}.mp4"), frames_in(f"{w.__name__}.mp4")) for w in (by_function, by_writer)]
print("without a limit:", whole)
# Without the signal, a write beyond the limit is an error, as on a full disk.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
cut = [(outcome(w, f"cut-{w.__name__}.mp4"), frames_in(f"cut-{w.__name__}.mp4")) for w in (by_function, by_writer)]
print("with at most 20,000 bytes:", cut)
same = whole == [("returns", 100)] * 2
same &= all(how == "returns" and (number is None or number < 100) for how, number in cut)
print("as described" if same else "CHANGED")
raise SystemExit(0 if same else 1)
PYTHON
