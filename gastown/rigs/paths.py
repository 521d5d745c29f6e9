"""Where a rig's repositories and worktrees live on a host. Pure: nothing is created here."""

from pathlib import Path

from gastown.ids import check_rig_name


def rig_dir(town: Path, rig: str) -> Path:
    """The rig's folder."""
    return town / "rigs" / check_rig_name(rig)


def work_git(town: Path, rig: str) -> Path:
    """The repository that agents' worktrees hang on; nothing in it is trusted."""
    return rig_dir(town, rig) / "work.git"


def land_git(town: Path, rig: str) -> Path:
    """The town's own repository: the only one with a remote and credentials."""
    return rig_dir(town, rig) / "land.git"


def polecats_dir(town: Path, rig: str) -> Path:
    """Where polecats' worktrees are."""
    return rig_dir(town, rig) / "polecats"


def gates_dir(town: Path, rig: str) -> Path:
    """Where gate worktrees are."""
    return rig_dir(town, rig) / "gates"
