"""How our bare repositories look on disk: their configuration, and the trusted view of one that nobody trusts."""

import contextlib
import os
import shutil
from pathlib import Path

from gastown.git.run import Options, Place, git

VIEW_LINKS = ("objects", "refs", "logs", "worktrees", "packed-refs")
_COMMON = """
[core]
\tlogAllRefUpdates = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""


def quoted(value: str) -> str:
    """`value` as git configuration writes a string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def make_bare(path: Path, branch: str, *, oid: str, settings: str) -> None:
    """Make an empty bare repository of the object format of `oid`, with `settings` added to its configuration."""
    kind = "sha256" if len(oid) == 64 else "sha1"
    git(
        Place(path),
        "init",
        "--quiet",
        "--bare",
        "--template=",
        f"--object-format={kind}",
        f"--initial-branch={branch}",
        options=Options(),
    )
    with (path / "config").open("a") as config:
        config.write(_COMMON + settings)


def link_objects(source: Path, target: Path) -> None:
    """Give the new repository `target` all objects of `source`, by hard links where the file system allows it."""
    shutil.copytree(source, target, copy_function=_link, ignore=_unfinished, dirs_exist_ok=True)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except FileNotFoundError:
        pass  # a loose object that was packed meanwhile: its pack is copied too, or the ref below will be refused
    except OSError:
        shutil.copyfile(source, target)
    return target


def _unfinished(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("tmp_") or name.endswith(".lock")]


def view_of(work: Path) -> Path:
    """The path of the trusted view of `work`."""
    return work.with_name(f"{work.name.removesuffix('.git')}.view")


def make_view(work: Path) -> Path:
    """Make the view of `work`: its objects, refs and worktrees, under a configuration of ours and without hooks.

    Agents write to `work` as they like: filters, drivers, hooks, includes. Whatever the town does there goes through
    the view, and git then never reads those files.
    """
    view = view_of(work)
    (view / "info").mkdir(parents=True, exist_ok=True)
    for name in ("worktrees", "logs", "info"):
        (work / name).mkdir(exist_ok=True)
    for name in VIEW_LINKS:
        (view / name).symlink_to(Path("..", work.name, name))
    (view / "info" / "exclude").symlink_to(Path("..", "..", work.name, "info", "exclude"))
    shutil.copyfile(work / "config", view / "config")
    (view / "HEAD").write_text("ref: refs/heads/none\n")
    return view


def remove(path: Path) -> None:
    """Delete a file or tree, also where its owner took away the right to write in folders."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path, onerror=_allow_and_retry)


def _allow_and_retry(function: object, name: str, _error: object) -> None:
    folder = os.path.dirname(name)
    os.chmod(folder, 0o700)
    if os.path.isdir(name) and not os.path.islink(name):
        os.chmod(name, 0o700)
        shutil.rmtree(name)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
