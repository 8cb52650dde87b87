"""Tests in the browser that FASTTREES_BROWSER names; `make test-browser` installs Debian's and runs them."""

from __future__ import annotations

from tests.support.browser import BROWSER

collect_ignore_glob = [] if BROWSER else ["*"]
