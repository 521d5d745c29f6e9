"""The schema's history. Ships with the package, so that `gt db upgrade` works wherever `gt` does.

A migration must work with the code before it: expand, deploy, contract. There is no released version yet, so there is
one migration. `gastown.town.schema` runs these under a lock.
"""
