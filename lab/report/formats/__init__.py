"""Contains the report formats, one per module: ``FILE``, and ``render``, which makes the text of a run."""
