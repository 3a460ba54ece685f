"""Ranks the strategies of a run by whom they reach and what they cost. Pure: from outcomes to a ranking.

::

    tallies         what each strategy does behind each middlebox, under each failure
    candidates      the figures of a strategy over a population
    front           which strategies no other one beats in everything, and what beats the others
    constraints     what a user demands, and how far a strategy is from it
    recommendation  the strategy to ship, and why, in sentences
    ranking         all of these, for a run
    document        the ranking as JSON values (``rank.json``)

docs/rank.md has the formulae.
"""
