"""What the settings amount to where they have a short form or a default that depends on others."""

from urllib.parse import urlsplit

from sidecar.settings import BUILT_IN_WATCHERS, Route, Settings


def all_routes(settings: Settings) -> list[Route]:
    """Return the routes, with `upstream`, the short form, as the one named "default"."""
    short = [Route(name="default", upstream=settings.upstream)] if settings.upstream else []
    return [*settings.routes, *short]


def enabled_watchers(settings: Settings) -> tuple[str, ...]:
    """Return the names of the watchers that run: all built-ins and own ones where `watchers.enabled` is empty."""
    configured = settings.watchers.settings
    names = settings.watchers.enabled or list(dict.fromkeys([*BUILT_IN_WATCHERS, *configured]))
    if not settings.observer.enabled:
        return ()
    return tuple(name for name in names if name != "none" and (name not in configured or configured[name].enabled))


def split_address(address: str) -> tuple[str, int]:
    """Return (host, port) of HOST:PORT; IPv6 stands in brackets. Raises ValueError."""
    parts = urlsplit(f"//{address}")
    if parts.port is None or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(address)
    return parts.hostname or "", parts.port


def join_address(host: str, port: int) -> str:
    """Return HOST:PORT, the host in brackets where it is IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
