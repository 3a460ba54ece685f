"""Contains the faults, one per module; ``lab.faults.catalogue`` finds them."""
