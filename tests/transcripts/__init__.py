"""Transcripts: small scenarios in plain lines, and under each line what the real core answered to it.

Rules
- What stands at the margin of a file in `scenarios/` was written by a person; what is indented was written by
  `python -m tests.transcripts --rewrite`, and a person reads the difference. So were the diagrams of docs/protocol.md.
- Nothing here decides anything: the cores are real, the table is that of `tests/protocol/table.py`.
- Names stand for PeerIds, `anna/first` for a payload's hash, `g3` for the generation of the third second.
- Left out: counters, heartbeats that only a timer sent, and Steps of which then nothing remains.
"""
