"""`python -m rllib_zoo.analysis FOLDER…` is `rllib report FOLDER…`."""

from rllib_zoo.analysis.files.object_storage import ObjectStorageError
from rllib_zoo.analysis.report.cli import app

if __name__ == "__main__":
    try:
        app()
    except ObjectStorageError as error:
        raise SystemExit(str(error)) from None
