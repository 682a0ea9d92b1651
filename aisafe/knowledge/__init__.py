"""Data, not code: which program listens where by default, and which names it goes by, with sources."""
