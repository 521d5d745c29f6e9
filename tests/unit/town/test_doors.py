"""The doors to other systems, opened by several threads at the same moment."""

import subprocess
import sys
from pathlib import Path

_EIGHT_AT_ONCE = """
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from gastown import config, queue

config.use(config.Settings(town=Path({town!r}), redis_url="redis://127.0.0.1:1", host="here"))
gate = threading.Barrier(8)

def come(_):
    gate.wait(20)
    return id(queue.get_app())

with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(come, range(8)))) == 1
"""


def test_celery_is_imported_once_when_eight_threads_ring(tmp_path: Path) -> None:
    """A child process, since Celery is imported here already."""
    done = subprocess.run(
        [sys.executable, "-c", _EIGHT_AT_ONCE.format(town=str(tmp_path))], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
