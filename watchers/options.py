"""A watcher's `options` from the configuration, checked against its own struct."""

from typing import TypeVar

import msgspec

from watchers.registry import Order
from watchers.watcher import WatcherError

Options = TypeVar("Options", bound=msgspec.Struct)


def options_of(order: Order, struct: type[Options]) -> Options:
    """Return the options as `struct`. Raises WatcherError: an option it does not know, or of the wrong type."""
    try:
        return msgspec.convert(dict(order.options), struct)
    except msgspec.ValidationError as error:
        known = ", ".join(struct.__struct_fields__) or "none"
        raise WatcherError(order.name, f"options: {error}", f"its options are {known}") from error
