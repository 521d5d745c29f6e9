"""What gates find as their home: made anew for every run, with the caches of earlier runs and nothing else of theirs.

A change could otherwise leave a setting or a package behind that lets the next one pass, or fail.
"""

from pathlib import Path

from gastown.git import remove_folder

# What tools keep there to be quick, by content or by version: it can be lost, and says nothing about what is tested.
# Not where a tool also puts what it built itself, under a version that the next change has as well: Maven's
# `.m2/repository`, `.nuget/packages` and `.ivy2/cache` would hand a change the packages of another one.
CACHES = (
    ".bun/install/cache",
    ".cabal/packages",
    ".cache",
    ".cargo/git",
    ".cargo/registry",
    ".composer/cache",
    ".gradle/caches",
    ".gradle/wrapper",
    ".npm/_cacache",
    ".pub-cache/git",
    ".pub-cache/hosted",
    ".pub-cache/hosted-hashes",
    ".rustup/downloads",
    ".rustup/toolchains",
    ".yarn/berry/cache",
    "Library/Caches",
    "go/pkg/mod",
)


def make_home(home: Path, kept: Path) -> Path:
    """Make the folder `home` anew, its caches being those in `kept`, which all homes of a rig share."""
    remove_folder(home)
    home.mkdir(mode=0o700)
    kept.mkdir(mode=0o700, exist_ok=True)
    for name in CACHES:
        store = kept / name
        if store.is_symlink() or (store.exists() and not store.is_dir()):
            store.unlink()
        store.mkdir(parents=True, exist_ok=True)
        link = home / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(store.resolve(), target_is_directory=True)
    return home
