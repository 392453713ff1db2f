"""One proxy process's life: listen, reload, drain. `sidecar.serve` drives worker 0, `__main__` the further ones.

    worker = Worker(settings, number=0, runtime="/run/dir", watchers=("toxicity", "pii"), serve_admin=True)
    started = await worker.start()          # started.listen, started.admin: (host, port) really bound
    worker.reload(new_settings)             # routes, timeouts, limits, capture; returns what needs a restart
    await worker.drain()                    # stop accepting, finish open exchanges up to the grace period

It installs no signal handler and sets up no logging: the caller does. `runtime` is the directory with
`channel.sock` and `admin.sock` of the observer, None where there is no observer: then traffic passes all the same.
With several workers each binds the same port with SO_REUSEPORT, so the caller gives the further workers the port that
worker 0 reports, not 0.
"""

from dataclasses import dataclass

from sidecar.channel import Totals
from sidecar.settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """The addresses really bound; `admin` is None where this worker does not serve the admin port."""

    listen: tuple[str, int]
    admin: tuple[str, int] | None


class Worker:
    """A proxy process: its listeners, routes, counters and the link to the observer."""

    def __init__(
        self,
        settings: Settings,
        *,
        number: int = 0,
        runtime: str | None = None,
        watchers: tuple[str, ...] = (),
        serve_admin: bool = True,
    ) -> None: ...

    async def start(self) -> Started:
        """Bind and accept. Raises OSError where the address cannot be bound, RouteError for a bad route."""
        raise NotImplementedError

    def reload(self, settings: Settings, watchers: tuple[str, ...] | None = None) -> list[str]:
        """Apply what can be applied live; return the names of changed settings that need a restart."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Stop accepting, finish open exchanges up to `limits.grace_seconds`, hand the last captures over, close."""
        raise NotImplementedError

    def totals(self) -> Totals:
        """Return the cumulative figures of this worker."""
        raise NotImplementedError
