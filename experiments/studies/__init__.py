"""Studies: trainings of many seeds, what is kept of them, tables and figures."""
