"""A town with one rig."""

from tests.support.village import make_village, village

__all__ = ["make_village", "village"]
