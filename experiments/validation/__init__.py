"""Everything that can be checked about an experiment before Ray starts."""
