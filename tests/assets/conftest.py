"""Without assets, everything here is skipped."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where EDGECONV_ASSETS is not set."""
    if not os.environ.get("EDGECONV_ASSETS"):
        for item in items:
            if "tests/assets/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason="EDGECONV_ASSETS is not set"))
