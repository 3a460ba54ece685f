"""Contains the faults, one per module; ``lab.faults.catalog`` finds them."""
