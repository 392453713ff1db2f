"""The error that ends a command with a message instead of a traceback."""


class CommandError(Exception):
    """Something is not as it must be: the message says what was found and what to change.

    `exit_code` is 1 for the world outside, 2 for usage and configuration.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
