"""Watchers for the command line: built from the settings as the observer builds them, and texts as records."""

from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.config.resolve import enabled_watchers
from sidecar.errors import CommandError
from sidecar.settings import Settings
from watchers.watcher import Direction, Origin, Record, Role, Watcher, WatcherError

if TYPE_CHECKING:
    from watchers.encoding import Encoder

_PLACES = {
    Role.SYSTEM: (Origin.SYSTEM, Direction.PROMPT),
    Role.USER: (Origin.USER, Direction.PROMPT),
    Role.ASSISTANT: (Origin.COMPLETION, Direction.COMPLETION),
    Role.TOOL: (Origin.TOOL_RESULT, Direction.PROMPT),
}
ROLES = tuple(role.value for role in Role)


def panel(settings: Settings) -> list[Watcher]:
    """Return the enabled watchers, in order. Raises CommandError with what to change."""
    from watchers.pack import PackError
    from watchers.registry import build, needs_encoder

    names, configured = enabled_watchers(settings), settings.watchers.settings
    try:
        encoder = load_encoder(settings) if needs_encoder(names, configured) else None
        return build(names, configured, encoder, settings.watchers.false_positive_rate)
    except (WatcherError, PackError) as error:
        raise CommandError(str(error), 2) from error


def load_encoder(settings: Settings) -> "Encoder":
    """Return the shared encoder on the settings' pack. Raises CommandError."""
    from watchers.encoder import PackEncoder
    from watchers.pack import BUNDLED, PackError

    folder = Path(settings.watchers.pack) if settings.watchers.pack else BUNDLED
    try:
        return PackEncoder(folder, threads=settings.observer.threads, budget_tokens=settings.observer.text_tokens)
    except PackError as error:
        raise CommandError(str(error), 2) from error


def record(name: str, text: str, role: str) -> Record:
    """Return one text as watchers read it; `name` keeps the texts apart."""
    who = Role(role)
    origin, direction = _PLACES[who]
    return Record(name, 0, text, who, origin, direction)
