"""The protocol of hdus-peer, without I/O: what a peer decides, never how it is done.

`PeerCore` (in `peer`) is the only door. It is given inputs (a command, a message, the result of an effect, a change of
a neighbour, the passing of time), with `now` as an argument, and answers each with a `Step` that somebody else carries
out in this order: commit the writes, send, act, publish. The core never reads a clock, touches a payload, or logs.

Invariants, checked after every Step by `simulation.checker`:

I1  No receipt is signed before its tombstone is durable and `Erased` came back: the key is destroyed, fetches are
    cancelled, and no process can compute with the seed.
I2  No peer holds, serves or uses a seed that its own tombstone covers, whatever is late, repeated, or restarted.
I3  No key leaves before its grant is durable in the owner's ledger.
I4  If a certificate says complete, no correct peer, whose identity exists once and whose state has not gone backwards
    unnoticed, holds a key of a covered generation.
I5  A Step's writes are one atomic transaction; files are unreferenced, or referenced and complete.
I6  History independence: predictions are a function of own data, configuration and the confirmed seeds held.
I7  Only the owner or the authority can unlearn, and no claim about X changes X's state unless X signed it.
L1  Connected correct holders erase within a bounded time; owed receipts reach the owner.
L2  No seed is used after `use_until` or held after `hold_until` by a running peer.

Modules: `records` (rows of the ledger), `messages` (what travels), `step` (what is to be done), `limits`, `state`
(the rows in memory and the draft of a Step), `contacts` (liveness, dialling), `links` (greeting, notices before
seeds) and `heartbeats`, `granting` (the owner's side: publish, grant), `exchange` (the holder's side: fetch, key,
adopt; `wanting`, whose seeds; `incoming`, the stages of one), `usage` (which seeds may be used), `leases`, `lapsing`
and `renewing`, `alarms` (the earliest of many deadlines) and `deadlines` (of all parts), `tombstones` (their set,
compared and merged), `unlearning` (notices, receipts, departures), `awaited` (whom a leaver waits for),
`equivocation` (two payloads under one generation), `restored` (a backup was put back), `erasure`, `overlay` (who
wants whose seed), `peer` (the door).
"""
