"""`python -m analysis FOLDER…` is `rllib report FOLDER…`."""

from analysis.cli import app

if __name__ == "__main__":
    app()
