"""The private directory through which the processes of one Sidewatch find each other: two sockets and the settings."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from sidecar.settings import Settings


class Runtime:
    """A directory that only this user can enter (0700), removed at the end.

    It holds `settings.msgpack`, `channel.sock` (captures) and `admin.sock` (the observer's pages).
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.channel_socket = os.path.join(directory, "channel.sock")
        self.admin_socket = os.path.join(directory, "admin.sock")
        self._settings = os.path.join(directory, "settings.msgpack")

    @classmethod
    def make(cls) -> "Runtime":
        """Make a fresh one in the system's temporary directory. Raises OSError where none can be written to."""
        return cls(tempfile.mkdtemp(prefix="sidewatch-"))

    def write(self, settings: Settings) -> None:
        """Write the settings for the other processes; a reader sees the old or the new file, never a part."""
        new = self._settings + ".new"
        Path(new).write_bytes(msgspec.msgpack.encode(settings))
        os.replace(new, self._settings)

    def read(self) -> Settings:
        """Return the settings that the primary wrote last."""
        return msgspec.msgpack.decode(Path(self._settings).read_bytes(), type=Settings)

    def observer_ready(self) -> bool:
        """Say whether the first observer has loaded its watchers: it opens its pages then (its channel, at once)."""
        return os.path.exists(self.admin_socket)

    def remove(self) -> None:
        """Remove the directory and all in it; not being able to is no reason to fail."""
        with contextlib.suppress(OSError):
            shutil.rmtree(self.directory)
