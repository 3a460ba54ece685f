"""Contains data only: middlebox profiles and strategies, read by ``lab.loader.catalog``."""
