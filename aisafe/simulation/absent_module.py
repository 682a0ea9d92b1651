"""Stands for a module that is not installed here; never executed."""
