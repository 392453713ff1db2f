"""Where an error came from, for the application log."""


def where(error: Exception) -> str:
    """Return the innermost place of an error: its message may quote traffic, so it is not logged."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
