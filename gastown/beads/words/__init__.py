"""The words of a store: its keys, the types and statuses it knows, what it remembers."""
