"""Contains data only: middlebox and proxy profiles, devices and strategies, read by ``lab.loader.catalog``."""
