"""This worker process: its identity, and what its sessions share."""

import os
import threading
from collections.abc import Mapping
from functools import cache

from gastown import assignments, config, policy, town
from gastown.assignments import HeldLease, Sign
from gastown.db.unit_of_work import reading, transact
from gastown.runtimes import host
from gastown.sessions import LeaseBook, Office, make_holder
from gastown.sessions import is_dead_here as _is_dead_here
from workers.answers import answer

_made = threading.Lock()
_stopping = threading.Event()


@cache
def holder() -> str:
    """The name under which this process holds leases."""
    return make_holder(config.current().host_id, os.getpid())


def is_dead_here(holder: str) -> bool:
    """Whether a holder is a process of this host that is gone."""
    return _is_dead_here(holder, config.current().host_id)


@cache
def caller() -> town.Caller:
    """This process as the one that runs a tick."""
    return town.Caller(config.current(), holder(), transact, reading)


@cache
def _office() -> Office:
    settings = config.current()
    with reading() as session:
        values = policy.load(session)
    ttl_s = values.number("lease.ttl_s")

    def renew(leases: Mapping[int, int], signs: Mapping[int, Sign]) -> list[HeldLease]:
        return transact(
            lambda session: assignments.heartbeat(session, leases, holder=holder(), ttl_s=ttl_s, signs=signs)
        )

    # A TTL that was shortened alone must not leave leases expired between two heartbeats.
    heartbeat_s = min(values.number("lease.heartbeat_s"), ttl_s / 3)
    book = LeaseBook(renew, heartbeat_s=heartbeat_s, grace_s=values.number("lease.grace_s"), ttl_s=ttl_s)
    return Office(
        settings=settings,
        holder=holder(),
        transact=transact,
        keeper_socket=host.ensure_zygote(config.make_run_dir(settings.town)),
        book=book,
        answer=answer,
        stopping=_stopping,
    )


def get_office() -> Office:
    """The process's office, made at first use (it needs the database and the keeper)."""
    with _made:
        return _office()


def is_stopping() -> bool:
    """Whether this worker is on its way out."""
    return _stopping.is_set()


def begin_stopping() -> None:
    """Let every supervising thread detach and return."""
    _stopping.set()
    if _office.cache_info().currsize:
        _office().book.stir_all()
