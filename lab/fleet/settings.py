"""Settings of Dask for the schedulers and workers that the lab starts."""

from __future__ import annotations

TROUBLES = (OSError, TimeoutError, ValueError, TypeError, RuntimeError)
"""What Dask raises where an address, a certificate or a setting of TLS is wrong, or nobody answers."""

SETTINGS = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
}
"""What they leave out looks at Dask's own threads, memory and event loop, up to a hundred times a second, and takes
processor time from the guests, in which the work is."""
