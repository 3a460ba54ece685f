"""What can go wrong in a cell, one fault a module; ``lab.faults.catalogue`` finds them."""
