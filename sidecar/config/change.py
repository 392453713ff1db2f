"""Notices that a file is another one: written in place, replaced, or swapped behind a symbolic link.

Kubernetes updates a mounted ConfigMap by swapping a link two levels up; following links sees that, too.
"""

import os

Fingerprint = tuple[str, int, int, int] | None


def fingerprint(file: str | None) -> Fingerprint:
    """Return what changes whenever the file does; None while there is no file. Blocks on the disk."""
    if file is None:
        return None
    try:
        state = os.stat(file)
        return os.path.realpath(file), state.st_ino, state.st_mtime_ns, state.st_size
    except OSError:
        return None
