"""Running again what a manifest describes, and comparing the two runs."""
