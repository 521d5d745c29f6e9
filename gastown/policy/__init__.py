"""Town-wide settings: what every host must agree on, kept in SQL and read where it is used.

Not here: how a process reaches SQL and Redis (`gastown.config`), and what belongs to one rig (`gastown.rigs`).
"""

from gastown.policy import replay
from gastown.policy.keys import KEYS, Key, UnknownKey, check_together, get_key, parse
from gastown.policy.models import Setting
from gastown.policy.store import PRESET_PREFIX, Policy, clear_value, hold, load, presets, set_preset, set_value

__all__ = [
    "KEYS",
    "PRESET_PREFIX",
    "Key",
    "Policy",
    "Setting",
    "UnknownKey",
    "check_together",
    "clear_value",
    "get_key",
    "hold",
    "load",
    "parse",
    "presets",
    "replay",
    "set_preset",
    "set_value",
]
