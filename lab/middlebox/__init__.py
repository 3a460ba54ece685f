"""Whether the lab does what a middlebox profile says: a profile is built, measured from both sides, and compared.

Profiles themselves are values (``lab.model.middlebox``) and data (``lab/catalog/middleboxes``).

::

    question  what is measured, and what was seen
    measure   runs in a world: sends packets through one middlebox, and answers the question
    compare   what was seen against what the profile says
    survey    measures many profiles
"""
