"""Runs cells on workers of dask.distributed: processes of this machine, or of others.

::

    choose          the engine of a name
    dask_engine     the engine: a scheduler, the workers that can be used, a pool
    dask_pool       cells to tasks, and back to folders
    local_workers   a scheduler and worker processes of this machine, for one run
    attempts        on which workers a cell was begun
    capabilities    what a worker can do, and what a cell needs
    workers         the account of a scheduler's workers
    settings        of Dask
    payload         a cell, and what came of it, as bytes
    worker          the worker's side: the task, and what ``dask worker --preload`` loads
    worker_process  the process of ``lab worker``
    guests          guests that stay warm between cells

``dask`` and ``distributed`` are optional (the extra ``cluster``); nothing of this is imported unless it is asked for.
"""
