"""The files of a report, one format a module: its ``FILE``, and ``render``, which makes the text of a run."""
