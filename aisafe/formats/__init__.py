"""Text to resources: unit files, compose files, env files, command lines."""
