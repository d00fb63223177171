"""Runs of any library, found by what is in their files and read into one record (``docs/peers.md``)."""
