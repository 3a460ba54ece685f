"""Checks that the lab does what a middlebox profile says: builds it, measures it from both sides, and compares.

Profiles themselves are values (``lab.model.middlebox``) and data (``lab/catalog/middleboxes``).

::

    question  what is measured, and what was seen
    measure   runs in a world: sends packets through one middlebox, and answers the question
    compare   what was seen against what the profile says
    measure_profiles  measures many profiles
"""
