"""Tables of documentation pages that a command measures or counts."""
