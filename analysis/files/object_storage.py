"""Folders in object storage, ``s3://bucket/path``, and their local copies.

A command works on a copy below a temporary folder, whose path :func:`local_copy` derives from the URI.
:func:`download` brings everything into it but the bulk of checkpoints, :func:`complete` that of one
checkpoint, :func:`upload` takes a file back. All do nothing for paths that are not below that folder.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rllib_zoo.analysis.files.owned_folder import owned_folder

SCHEME = "s3://"
# Keys of a URI's query, as PyArrow names them.
QUERY = ("endpoint_override", "region", "scheme")
# Seconds; PyArrow's documentation limits them to other systems, but Linux respects them, too.
CONNECT_SECONDS, REQUEST_SECONDS = 3, 10
CHUNK = 2**20  # bytes
# With exponential waits between them: about half a minute.
ATTEMPTS = 8
CHECKPOINTS = "checkpoint_*"
# Of a checkpoint, what says whether it is complete, without its bulk.
CHECKPOINT_INDEX = ("contents.json", "rllib_checkpoint.json")
# What a checkpoint's or trial's parents say about it.
RESULTS = ("result.json", "progress.csv", "repeated_results.json")
OF_PARENTS = (".made-here", "manifest.json", "params.json", "result.json")
LEVELS = 2
# Beginning of the names of locks, which say nothing about results.
LOCK = ".lock"


class ObjectStorageError(Exception):
    """A bucket that cannot be used; ``str()`` is one line with the URI."""


@dataclass(frozen=True)
class Bucket:
    """A bucket, as a URI describes it.

    Attributes:
        name: of the bucket.
        query: of the URI, to be repeated in others; without "?".
        endpoint: the server; "" for that of AWS.
        region: of AWS; None: looked up by the bucket's name.
        scheme: http or https; "": that of the endpoint.
    """

    name: str
    query: str
    endpoint: str
    region: str | None
    scheme: str

    def filesystem(self, attempts: int | None = None) -> Any:
        """PyArrow's file system of the bucket's server; ``attempts``: how often a request is tried, if given.

        Credentials are found as by the command of AWS: environment, ``~/.aws``, the machine's role.
        """
        from pyarrow import fs

        region = self.region
        if region is None and not self.endpoint:
            region = fs.resolve_s3_region(self.name)
        return fs.S3FileSystem(
            region=region or "us-east-1",
            endpoint_override=self.endpoint or None,
            scheme=self.scheme or None,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts or ATTEMPTS),
        )


# The local copy of a bucket → the bucket.
_buckets: dict[Path, Bucket] = {}


@functools.cache
def _root() -> Path:
    """The temporary folder of all local copies, removed when this process ends."""
    root = owned_folder(Path(tempfile.gettempdir()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root / "s3:"


def path_of(text: str) -> Path:
    """A path, of a URI its local copy.

    Raises:
        ObjectStorageError: as :func:`local_copy`.
    """
    return local_copy(text) if is_uri(text) else Path(text)


def is_uri(text: object) -> bool:
    """Whether a text is a URI rather than a path."""
    return "://" in str(text)


def was_uri(path: Path) -> bool:
    """Whether a path was made from a URI, of which it has lost a slash."""
    return re.match(r"[a-z0-9+]+:/", str(path)) is not None


def local_copy(uri: str) -> Path:
    """The path of a URI's local copy; nothing is read.

    Raises:
        ObjectStorageError: another scheme, no bucket, a key or an account in the URI, or an unknown query.
    """
    if not uri.startswith(SCHEME):
        raise ObjectStorageError(
            f"{uri}: {uri.partition('://')[0]}:// is not supported; use {SCHEME}"
        )
    parts = urlsplit(uri)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    unknown = [key for key in query if key not in QUERY]
    problem = None
    if not parts.netloc:
        problem = "the name of a bucket is missing"
    elif "@" in parts.netloc or ":" in parts.netloc:
        problem = "credentials belong into the environment or ~/.aws, not into a URI"
    elif unknown:
        problem = f"{unknown[0]!r} is unknown; after ? are supported: {', '.join(QUERY)}"
    elif ".." in parts.path.split("/"):
        problem = "'..' is no part of a path there"
    if problem:
        raise ObjectStorageError(
            f"{SCHEME}{parts.netloc.rpartition('@')[2]}{parts.path}: {problem}"
        )
    # PyArrow reads this variable only in FileSystem.from_uri, which has no time limits.
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    endpoint = query.get("endpoint_override", endpoint).rstrip("/")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    folder, scheme = _root() / parts.netloc, query.get("scheme", "")
    bucket = Bucket(parts.netloc, parts.query, endpoint, query.get("region", region), scheme)
    if _buckets.setdefault(folder, bucket) != bucket:
        raise ObjectStorageError(f"{uri}: bucket {parts.netloc!r} is that of another server, too")
    return folder.joinpath(*(part for part in parts.path.split("/") if part))


def bucket_of(path: Path) -> Bucket | None:
    """The bucket of a local copy; None for any other path."""
    return next((_buckets[folder] for folder in (path, *path.parents) if folder in _buckets), None)


def copy_of_key(key: str) -> Path:
    """The local copy of a path in object storage, ``bucket/path``."""
    return _root() / key


def key_of(path: Path) -> str:
    """The path in object storage of a local copy, with the bucket: ``bucket/path``."""
    return path.relative_to(_root()).as_posix()


def shown(path: Path | str) -> str:
    """A path as users write it: of a local copy, or of something in it, the URI."""
    bucket = bucket_of(Path(path))
    if bucket is None:
        return str(path)
    return f"{SCHEME}{key_of(Path(path))}{'?' if bucket.query else ''}{bucket.query}"


def with_uris(text: str) -> str:
    """A message with the paths of local copies as URIs, without the query."""
    return text.replace(f"{_root()}/", SCHEME) if _buckets else text


def identity(path: Path) -> str:
    """The place of a folder, whatever its URI's query: with the server, for a local copy."""
    bucket = bucket_of(path)
    return str(path) if bucket is None else f"{bucket.endpoint} {SCHEME}{key_of(path)}"


def require_reachable(path: Path, *, write: bool = False) -> None:
    """Try the bucket of a local copy once, in seconds; ``write``: also write and delete an object.

    Raises:
        ObjectStorageError: no such bucket, no permission, or no connection.
    """
    if (bucket := bucket_of(path)) is None:
        return
    try:
        filesystem = bucket.filesystem(attempts=1)
        if not filesystem.get_file_info(bucket.name).is_file and not _exists(
            filesystem, bucket.name
        ):
            raise ObjectStorageError(f"{shown(path)}: bucket {bucket.name!r} does not exist")
        if write:
            probe = f"{key_of(path)}.{uuid.uuid4().hex}.probe"
            with filesystem.open_output_stream(probe) as stream:
                stream.write(b"")
            filesystem.delete_file(probe)
    except OSError as error:
        raise ObjectStorageError(f"{shown(path)}: {reason(error)}") from None


def reason(message: object) -> str:
    """The cause in a message of PyArrow, without what was tried."""
    text = " ".join(str(message).split())
    kind, _, details = text.rpartition("AWS Error ")[2].partition(" during ")
    details = details.partition(": ")[2].rpartition("Details: ")[2] or text
    return f"{kind.lower().replace('_', ' ')}: {details}" if "AWS Error" in text else text


def exists(path: Path) -> bool:
    """Whether something is there; also a dangling link counts."""
    bucket = bucket_of(path)
    return os.path.lexists(path) if bucket is None else _exists(bucket.filesystem(), key_of(path))


def download(path: Path, *, results: bool = True) -> None:
    """Bring a folder into a new local copy, checkpoints without bulk, with what its parents say about it.

    Args:
        path: the copy of the folder, or any other path, which stays as it is.
        results: also results, which grow with every iteration.

    Raises:
        ObjectStorageError: it does not exist, or cannot be read.
    """
    if (bucket := bucket_of(path)) is None:
        return
    require_reachable(path)
    names = files(path)
    if not names:
        raise ObjectStorageError(f"{shown(path)} does not exist")
    shutil.rmtree(path, ignore_errors=True)  # nothing stays that is no longer there
    wanted = [path / name for name in names if _is_small(PurePosixPath(name), results)]
    about = [name for name in OF_PARENTS if results or name not in RESULTS]
    levels = min(LEVELS, len(path.relative_to(_root()).parts) - 1)
    parents = [path.parents[level] / name for level in range(levels) for name in about]
    filesystem = bucket.filesystem()
    there = filesystem.get_file_info([key_of(file) for file in parents]) if parents else []
    wanted += [file for file, info in zip(parents, there, strict=True) if info.is_file]
    _copy(bucket, wanted)


def complete(checkpoint: Path) -> None:
    """Bring all files of a checkpoint into its local copy."""
    if (bucket := bucket_of(checkpoint)) is not None:
        _copy(bucket, [checkpoint / name for name in files(checkpoint)])


def upload(file: Path, to: Path | None = None) -> None:
    """Take a file to its place in object storage; what is there is replaced whole or not at all.

    Args:
        file: on this machine; of a folder, all files.
        to: path of its local copy, if that is another one.

    Raises:
        OSError: the server cannot be reached.
    """
    to = file if to is None else to
    if (bucket := bucket_of(to)) is None:
        return
    import pyarrow as pa

    server = bucket.filesystem()
    for part in (p for p in file.rglob("*") if p.is_file()) if file.is_dir() else (file,):
        # Not pyarrow.fs.copy_files, which ignores an upload that fails when it is closed. In one piece,
        # because an exception between two pieces would close the object as well.
        content = pa.memory_map(str(part)).read_buffer() if part.stat().st_size else b""
        with server.open_output_stream(key_of(to / part.relative_to(file))) as sent:
            sent.write(content)


def rename(folder: Path, new: Path) -> None:
    """Rename a folder, in object storage too: there everything is copied before anything is deleted."""
    bucket = bucket_of(folder)
    if bucket is not None:
        from pyarrow import fs

        filesystem = bucket.filesystem()
        fs.copy_files(
            key_of(folder),
            key_of(new),
            source_filesystem=filesystem,
            destination_filesystem=filesystem,
            use_threads=False,
        )
        filesystem.delete_dir(key_of(folder))
    if bucket is None or folder.exists():
        folder.rename(new)


def remove(folder: Path) -> None:
    """Remove a folder, in object storage too; a missing one is removed already."""
    shutil.rmtree(folder, ignore_errors=True)
    if (bucket := bucket_of(folder)) is not None and exists(folder):
        bucket.filesystem().delete_dir(key_of(folder))


def _exists(filesystem: Any, key: str) -> bool:
    from pyarrow import fs

    return bool(filesystem.get_file_info(key).type != fs.FileType.NotFound)


def files(folder: Path) -> list[str]:
    """Relative paths of all files that object storage has below a local copy; none of another path.

    Raises:
        ObjectStorageError: they cannot be listed.
    """
    if (bucket := bucket_of(folder)) is None:
        return []
    from pyarrow import fs

    key = key_of(folder)
    selector = fs.FileSelector(key, recursive=True, allow_not_found=True)
    try:
        infos = bucket.filesystem().get_file_info(selector)
    except OSError as error:
        raise ObjectStorageError(f"{shown(folder)}: {reason(error)}") from None
    names = [os.path.relpath(info.path, key) for info in infos if info.is_file]
    # A key may be any text; none leads out of the copy.
    return [name for name in names if ".." not in name.split("/")]


def _is_small(name: PurePosixPath, results: bool) -> bool:
    """Whether a file is read by every command; neither a checkpoint's bulk nor for TensorBoard."""
    if name.name.startswith(LOCK):
        return False
    in_checkpoint = any(PurePosixPath(part).match(CHECKPOINTS) for part in name.parts[:-1])
    if in_checkpoint:
        return name.name in CHECKPOINT_INDEX
    return not name.match("events.out.*") and (results or name.name not in RESULTS)


def _copy(bucket: Bucket, wanted: Iterable[Path]) -> None:
    filesystem = bucket.filesystem()
    for file in wanted:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            sent = filesystem.open_input_stream(key_of(file), compression=None)
            with sent, file.open("wb") as written:
                shutil.copyfileobj(sent, written, CHUNK)
        except OSError as error:
            raise ObjectStorageError(f"{shown(file)}: {reason(error)}") from None
