"""Contains the formats of a comparison, one per module: ``OPTION``, and ``render``, which makes its text."""
