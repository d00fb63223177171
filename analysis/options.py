"""What a report does unless it is told otherwise; the command reads it without loading pandas."""

# A key of ``scores.MEASURES``.
MEASURE = "final"
# Of the bootstrap.
RESAMPLES = 10_000
SEED = 0
