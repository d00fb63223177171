"""`python -m rllib_zoo.analysis FOLDER…` is `rllib report FOLDER…`."""

from rllib_zoo.analysis.report.cli import app

if __name__ == "__main__":
    app()
