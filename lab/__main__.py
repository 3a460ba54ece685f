"""``python -m lab`` is ``lab``."""

from lab.cli.start import run

if __name__ == "__main__":
    run()
