"""Writes a scenario to begin with, from the answers to a few questions."""
