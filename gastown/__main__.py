"""`python -m gastown` is `gt`."""

from gastown.cli.entry import gt

if __name__ == "__main__":
    gt()
