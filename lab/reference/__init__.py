"""What a scenario can say, read off the classes that read scenarios, and printed by ``lab reference``."""
