"""The page on a server of its own and in a real browser; tests skip where there is none."""

import browsing
import pytest


@pytest.fixture(scope="session")
def served():
    with browsing.running() as server:
        yield server


@pytest.fixture(scope="session")
def chromium():
    """One browser for many pages, without a camera."""
    with browsing.start() as browser:
        yield browser


@pytest.fixture
def page(chromium, served):
    """Opens the page: page(path, **options of `chromium.Page`)."""
    opened = []

    def open_page(path="", **options):
        opened.append(chromium.open(served.url + path, **options))
        return opened[-1]

    yield open_page
    for each in opened:
        each.close()
