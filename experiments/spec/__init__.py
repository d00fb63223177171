"""The data of an experiment: its fields, the schema of every key, search spaces."""
