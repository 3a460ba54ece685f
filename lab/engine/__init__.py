"""Runs scenarios for the command line and for Python: prepares, schedules, runs and judges cells.

::

    run_request  what is asked for: a scenario and how to run it
    prepare      what must be there before anything starts: clock, programs, images, releases of the client
    execute      requests to runs
    search       runs whose cells are asked for while others run; judging makes them
    world_jobs   work in worlds, folder by folder; world_pool keeps the worlds
    twins        copies of a cell that answer what its record cannot
    sharing      cells that are the same but for what they cannot see
    cache        what cells have left that were decided by the same things, and what judging it has shown
    shards       cells of a scenario on several machines, and one run of what came of them
    run          a run that is over, or was cut short: what it was, and its cells
    cell_run     a cell that ran: its evidence and its outcome
    run_folder   where all of this lies
"""
