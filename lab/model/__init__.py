"""Defines the lab's words as values: frozen dataclasses without I/O.

They are plain dataclasses so that a cell can be read inside a guest without importing a validation library; the loader
(``lab.loader.load``) reads YAML into the very same classes with pydantic. YAML keys are the field names in kebab-case.
"""
