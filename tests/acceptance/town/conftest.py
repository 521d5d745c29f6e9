"""Whole towns."""

from tests.support.towns import new_town, redis_url, shared_town, town

__all__ = ["new_town", "redis_url", "shared_town", "town"]
