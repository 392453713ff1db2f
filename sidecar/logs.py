"""The application log of every process: structlog on stderr, one JSON object a line, or coloured for a terminal.

Never prompt text, at any level. The exchange log is another thing: the observer writes it to stdout.
"""

import sys
from typing import Literal

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(
    level: Literal["debug", "info", "warning", "error"] = "info",
    log_format: Literal["json", "console"] = "json",
    **context: object,
) -> None:
    """Set structlog up for this process: call once, in its main function.

    A terminal gets the console format whatever is asked. `context` stands in every line, `process="proxy"` for example.
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
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**context)
