"""`python -m sidecar.observer --runtime DIR`: started and restarted by the primary, never by hand.

Exit codes: 0 after SIGTERM, 78 where the settings cannot be used (a restart would not help).
"""

import argparse
import asyncio
import sys

from sidecar import logs
from sidecar.observer.priority import limit_threads
from sidecar.observer.process import Observer
from sidecar.runtime import Runtime


def main() -> int:
    """Run the observer; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.observer", description=__doc__)
    parser.add_argument("--runtime", required=True, help="the primary's runtime directory")
    runtime = Runtime(parser.parse_args().runtime)
    settings = runtime.read()
    logs.configure(settings.log.level, settings.log.format, process="observer")
    limit_threads(settings.observer.threads)
    return asyncio.run(Observer(runtime, settings, sys.stdout.fileno()).run())


if __name__ == "__main__":
    sys.exit(main())
