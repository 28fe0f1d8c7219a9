"""What a peer keeps: a durable ledger of rows, sealed payloads and their keys (see `port`).

`durable` is the real implementation on one state directory, `memory` its twin for simulations; both pass
`tests/contracts/repository.py`. sqlite3 is imported in this package and nowhere else.
"""
