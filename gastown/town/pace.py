"""How often the town looks at itself. Pure.

All of it follows from the TTL of leases, so that what a kill interrupted is worked on again within one and a half of
them: the lease runs out within one, its worker is taken for gone within the same, and then somebody looks.
"""

from datetime import timedelta

from gastown.schedule import RECONCILE_EVERY_S

# With the TTL that a town is installed with; a longer one does not make it slower.
SLOWEST_LOOK_S = RECONCILE_EVERY_S
SLOWEST_HELLO_S = 20.0
_FASTEST_LOOK_S = 0.5
# Nobody is struck from the list for less.
_FORGOTTEN_AFTER = timedelta(minutes=3)
# Clocks are put right by less than this every day, and it says nothing.
MOST_SKEW = timedelta(minutes=1)


def look_s(ttl_s: float) -> float:
    """Seconds between two looks of a worker, and between two reconciliations."""
    return min(SLOWEST_LOOK_S, max(_FASTEST_LOOK_S, ttl_s / 6))


def hello_s(ttl_s: float) -> float:
    """Seconds after which a worker says again that it is there: one hello may be lost."""
    return min(SLOWEST_HELLO_S, ttl_s / 3)


def silent_after(ttl_s: float) -> timedelta:
    """A worker that was not heard for so long is not counted on. Its leases have run out by then."""
    return timedelta(seconds=ttl_s)


def forgotten_after(ttl_s: float) -> timedelta:
    """A worker that was not heard for so long is struck from the list."""
    return max(_FORGOTTEN_AFTER, 3 * timedelta(seconds=ttl_s))


def gap_after(ttl_s: float) -> timedelta:
    """Ticks so far apart are a gap: everybody may have been asleep, and leases expired through nobody's fault.

    Shorter ones cannot do that: leases are renewed three times a TTL.
    """
    return timedelta(seconds=ttl_s / 2)
