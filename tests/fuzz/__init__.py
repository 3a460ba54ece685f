"""Fuzzers: mutate what a user or a client hands to the lab. By hand: ``python -m tests.fuzz --help``."""
