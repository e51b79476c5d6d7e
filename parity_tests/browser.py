"""Chromium, for the tests that look at pages."""

import shutil


def find_browser() -> str | None:
    """Return the path of Chromium or Chrome, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next(filter(None, map(shutil.which, names)), None)
