from __future__ import annotations

import pytest

from aisafe.formats.sizes import size_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512M", 512 << 20), ("512m", 512 << 20), ("1.5G", 3 << 29), ("2gb", 2 << 30), ("1GiB", 1 << 30), ("1024", 1024),
        (1024, 1024), ("100b", 100), ("4 G", 4 << 30), ("0", None), ("-1", None), ("infinity", None), ("50%", None),
        ("", None), (None, None), (True, None), ("lots", None),
    ],
)  # fmt: skip
def test_sizes(text: str | int | None, size: int | None) -> None:
    assert size_of(text) == size
