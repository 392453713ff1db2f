"""The private directory through which the processes of one Sidewatch find each other: two sockets and the settings."""

import contextlib
import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from sidecar.settings import Settings

LONGEST_SOCKET_NAME_BYTES: Final = 103  # sun_path of macOS and BSD, less its end; Linux has 4 more


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
        """Make a fresh one in the system's temporary directory.

        Raises OSError where that cannot be written to, or its name is too long for a socket's.
        """
        runtime = cls(tempfile.mkdtemp(prefix="sidewatch-"))
        if len(os.fsencode(runtime.channel_socket)) > LONGEST_SOCKET_NAME_BYTES:
            runtime.remove()
            raise OSError(errno.ENAMETOOLONG, "the temporary directory's name is too long for a socket in it")
        return runtime

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
