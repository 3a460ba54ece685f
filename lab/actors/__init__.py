"""Programs that run in a node and speak JSON lines with the runner."""
