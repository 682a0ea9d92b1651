"""The forecast against what plain ansible-playbook really does, on real hosts: `python -m tests.fidelity`."""
