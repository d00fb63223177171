"""Worker processes: each trains one library once and prints one JSON line as its last line."""
