"""Steps per second beside other libraries, in turn, one process per run."""
