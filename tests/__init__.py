"""Tests of the lab. No cell of theirs comes from the cache, but where the cache itself is tested."""

import os

os.environ["LAB_CACHE"] = "off"
