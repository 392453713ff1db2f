"""What can stop the observer's start; light, so that it can be caught before anything is loaded."""


class PartsError(Exception):
    """The settings cannot be used; the message names key, value and remedy."""
