"""One check a file. Each has a `CHECK`; `gastown.patrols.catalog` lists them."""
