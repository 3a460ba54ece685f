"""Mitigations, one file each."""
