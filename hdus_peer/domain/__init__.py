"""Frozen values that every other package speaks in. Nothing here can block: no I/O, no clock, no global random."""
