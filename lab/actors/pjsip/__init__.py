"""The real pjsip as an actor."""
