"""A network chaos / NAT emulation lab for SIP clients on real software."""

__version__ = "0.1.0"
