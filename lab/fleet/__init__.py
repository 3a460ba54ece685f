"""Runs the cells of a scenario side by side and keeps what they leave."""
