"""Keeping secret values out of what a command prints, wherever the pieces in which it arrives are cut."""

from collections.abc import Iterable

HIDDEN = b"[hidden]"
# A shorter value ("true", "8080") is no secret, and hiding it would make logs unreadable.
SHORTEST_SECRET = 6


class Mask:
    """Replaces each of the secrets in a stream; `take` may keep a little back until more has come, or `rest`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        lines = {line.strip() for secret in secrets for line in (secret, *secret.splitlines())}
        found = {line.encode() for line in lines if len(line) >= SHORTEST_SECRET}
        # The longest first: one may be part of another.
        self.secrets = sorted(found, key=len, reverse=True)
        self.held = b""

    def take(self, chunk: bytes) -> bytes:
        """What can be shown by now."""
        if not self.secrets:
            return chunk
        text = self._hide(self.held + chunk)
        cut = len(text) - self._kept(text)
        shown, self.held = text[:cut], text[cut:]
        return shown

    def rest(self) -> bytes:
        """What was kept back."""
        rest, self.held = self.held, b""
        return rest

    def _hide(self, text: bytes) -> bytes:
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _kept(self, text: bytes) -> int:
        """The length of the longest end of the text with which a secret begins."""
        return max(
            next((size for size in range(min(len(secret) - 1, len(text)), 0, -1) if text.endswith(secret[:size])), 0)
            for secret in self.secrets
        )
