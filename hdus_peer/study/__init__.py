"""The paper's experiments: HDUS beside its rivals, on real data, from a plan in a file to a report.

Rules
1. HDUS is the product: its trainer, distiller and combination rules are imported, never written again.
2. A system knows its peers by their number, 0 to n-1; no network, no daemon and no credentials take part.
3. Whatever was measured is a row with the hash of its plan; a report is made of rows alone.

`plan` what is to be done, `cells` its parts, `run` does them, `report` tells. Nothing else imports this package but the
command line, and that lazily.
"""
