"""Runs programs in nodes; they exchange JSON lines with the runner."""
