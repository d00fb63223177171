"""Result folders on disk: finding trials, reading result lines, kept curves, atomic writes."""
