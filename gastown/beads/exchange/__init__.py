"""Exchange files (JSONL): taking them in and writing them; jsonl.py beside this folder is the format of a line."""
