"""The faults of a chaos run. Each is begun at a moment of the schedule, and ends at once or after a while."""

from gastown.chaos.faults.base import Begun, Bringer
from gastown.chaos.faults.database import RestartDatabase
from gastown.chaos.faults.disk import LowDisk
from gastown.chaos.faults.kills import KILLS
from gastown.chaos.faults.redis import Flush, RestartRedis
from gastown.chaos.faults.stops import StopWorker

__all__ = ["KILLS", "Begun", "Bringer", "Flush", "LowDisk", "RestartDatabase", "RestartRedis", "StopWorker"]
