"""The trainer child: learns a main model from the peer's own data, distils the seed, exports both.

Rule: the only package that imports torch, and only in the modules that compute with it; a finished job is answered
without it. Deterministic: one job on one machine gives the same bits, interrupted or not.
Absent on purpose: the network, other peers' seeds (nothing here may depend on one), predictions (see `inference`).
"""
