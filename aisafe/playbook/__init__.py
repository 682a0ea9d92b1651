"""The command line, lint, the real run: talks to ansible, its command line and its libraries."""
