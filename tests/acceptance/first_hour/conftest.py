"""A whole town, for a stranger."""

from tests.support.towns import new_town, town

__all__ = ["new_town", "town"]
