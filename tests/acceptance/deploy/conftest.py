"""Deployments: services of their own."""

from tests.support.towns import redis_url

__all__ = ["redis_url"]
