"""Runs the command ``lab`` for ``python -m lab``."""

from lab.cli.start import run

if __name__ == "__main__":
    run()
