"""Readers of the configuration files of single servers, one family a file."""
