"""The application log of every process: structlog on stderr, one JSON object a line, or coloured for a terminal.

Never prompt text, at any level. The exchange log is another thing: the observer writes it to stdout.
"""

import contextlib
import io
import sys
from typing import Literal, TextIO, cast

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class Lossy(io.TextIOBase):
    """A text file whose reader may be gone: what cannot be written is lost, and nobody is troubled with it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):  # ValueError: the file is closed
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    log_format: Literal["json", "console"] = "json",
    **context: object,
) -> None:
    """Set structlog up for this process: call once, in its main function.

    A terminal gets the console format whatever is asked; a log that nobody reads is no error.
    `context` stands in every line, `process="proxy"` for example.
    """
    console = log_format == "console" or sys.stderr.isatty()
    last: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer()]
    if console:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    else:
        last = [structlog.processors.format_exc_info, *last]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not console),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, Lossy(sys.stderr))),
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)
