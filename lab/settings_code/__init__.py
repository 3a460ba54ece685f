"""Writes the settings of a strategy as code for the client or the server that shall have them.

Each language is a module of this package, found by being there (`lab.settings_code.languages`). What it writes follows
from the mitigations: they are attached to a client that only notes what they set (`lab.settings_code.noted`).
"""

from lab.settings_code.languages import Snippet, languages, snippets

__all__ = ["Snippet", "languages", "snippets"]
