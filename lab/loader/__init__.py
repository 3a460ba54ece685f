"""Reads scenario files, topologies and catalog entries into the values of ``lab.model``.

The only part of the lab that imports pydantic and ruamel.yaml; it runs on the host, never in a world.
"""
