"""The error that ends a command with a message instead of a traceback."""


class CommandError(Exception):
    """Something outside is not as it must be: the message says what was found and what to change. Exit code 1."""
