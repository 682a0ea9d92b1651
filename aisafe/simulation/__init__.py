"""Ansible's own engine with nothing behind it."""
