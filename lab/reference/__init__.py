"""Prints the keys of a scenario file, read from the classes that load it, for ``lab reference``."""
