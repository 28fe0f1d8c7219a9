"""The whole protocol in one thread and virtual time: the real `PeerCore` and the real `Driver`, with everything else in
memory, under faults drawn from a seed.

Rules
1. One seed is one run: same seed, same trace hash, on every machine. Nothing here reads a clock, the process's hash
   seed, or a global random number generator (`scale` alone, beside its runs, what they took).
2. What a device keeps over a crash is exactly what its repository acknowledged; a crash may fall before and after
   every commit, send, effect, event and stage of an erasure.
3. The invariants are judged from outside (`checker`), on what is on the disks and on the wires, not by asking
   a core.

Absent on purpose: suspended clocks.

Modules: `world` (virtual time, one source of chance), `cast` (who takes part), `network` (links, loss, partitions),
`clones` (an identity at two places), `device` (one peer: disk, core, driver, crash), `storage` (its disk in trouble),
`hands` (its effects), `malice` (a member gone bad), `plan` (what happens when, drawn from the seed), `checker` (the
invariants), `evidence` (what disks say), `twins` (what must hold of clones), `run` (`simulate`), `faults` (their
names), `tally` (what happened, counted), `campaign` (plan after plan), `shrinking` and `transcript` (a plan that
violates something, made small and told).

Of many peers in peace: `crowd` (they join, one leaves, they rest), `watching` (what goes by there, counted), `scale`
(how that grows with their number, and what it cost).
"""

from hdus_peer.simulation.evidence import Violation
from hdus_peer.simulation.plan import Plan, draw
from hdus_peer.simulation.run import Report, simulate

__all__ = ["Plan", "Report", "Violation", "draw", "simulate"]
