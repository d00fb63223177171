"""Two runs side by side: settings that differ, equality bit by bit, spread over seeds."""
