"""Extensions of Ray Tune: stoppers, loggers, progress, recovery, signals."""
