"""From a YAML or Python file and the command's options to an Experiment."""
