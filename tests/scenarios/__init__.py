"""Scenarios whose truth was established by applying them for real. See README.md here."""
