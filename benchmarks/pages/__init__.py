"""Tables of docs pages that are measured or counted by a command."""
