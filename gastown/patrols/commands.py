"""Whether a shell command of the user's can start at all, as far as its first word tells. Runs nothing."""

import re
import shlex
import shutil

# What `sh` knows without looking for a file (POSIX: reserved words, special and regular built-ins).
_SHELL_WORDS = frozenset(
    [
        "!",
        "{",
        "}",
        "case",
        "do",
        "done",
        "elif",
        "else",
        "esac",
        "fi",
        "for",
        "if",
        "in",
        "then",
        "until",
        "while",
        ".",
        ":",
        "break",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "readonly",
        "return",
        "set",
        "shift",
        "times",
        "trap",
        "unset",
        "alias",
        "bg",
        "cd",
        "command",
        "false",
        "fc",
        "fg",
        "getopts",
        "hash",
        "jobs",
        "kill",
        "newgrp",
        "pwd",
        "read",
        "test",
        "[",
        "true",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "wait",
        "echo",
        "printf",
    ]
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%:,-]+")


def first_word(command: str) -> str | None:
    """The program that `command` starts with, behind any `NAME=value`; None where only the shell itself could tell."""
    try:
        words = shlex.split(command, comments=False)
    except ValueError:
        return None
    word = next((word for word in words if not _ASSIGNMENT.match(word)), None)
    if word is None:
        return None
    word = re.split(r"[;&|<>()]", word, maxsplit=1)[0]
    return word if _PLAIN.fullmatch(word) else None


def missing_program(command: str, path: str) -> str | None:
    """The first word of `command` if it names a program that is not on `path`; None where it is there or not known.

    Words with a slash are whole paths, or relative to a worktree that is not here: the caller looks in the tree.
    """
    word = first_word(command)
    if word is None or word in _SHELL_WORDS or ("/" in word and not word.startswith("/")):
        return None
    return None if shutil.which(word, path=path) else word


def absence(word: str) -> str:
    """What is wrong with a word that `missing_program` has named."""
    return "no program that this user may run" if "/" in word else "not on the PATH"


def path_in_tree(command: str) -> str | None:
    """The file of the repository that `command` starts with (`./check.sh`, `tools/test`), or None."""
    word = first_word(command)
    if word is None or "/" not in word or word.startswith("/"):
        return None
    parts = [part for part in word.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else "/".join(parts)
