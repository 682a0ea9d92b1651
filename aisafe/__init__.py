"""aisafe: know what an Ansible run will do, refuse what would break, undo what failed."""

__version__ = "0.1.0"
