"""Runs scenarios for the command line and for Python: prepares, schedules, runs and judges cells.

::

    order       what is asked for: a scenario and how to run it
    prepare     what must be there before anything starts: clock, programs, images, releases of the client
    execute     orders to runs
    fleet       cells side by side in worlds
    jobs        other things than cells that worlds can do, folder by folder
    run         a run that is over, or was cut short: what it was, and its cells
    cell_run    a cell that ran: its evidence and its outcome
    run_folder  where all of this lies
"""
