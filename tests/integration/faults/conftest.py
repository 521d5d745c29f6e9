"""What tests of failures share."""

from tests.support.reactions import reactions
from tests.support.towns import redis_url

__all__ = ["reactions", "redis_url"]
