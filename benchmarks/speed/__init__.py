"""Steps per second, ours and other libraries', one process per run."""
