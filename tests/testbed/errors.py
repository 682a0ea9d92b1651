"""The one error of the test bed."""

from __future__ import annotations


class TestbedError(RuntimeError):
    """The test bed cannot do what was asked; the text says what failed, why, and what to do about it."""

    __test__ = False  # not a test class, whatever pytest thinks of the name
