"""hdus-peer: devices that learn from one another without a server, and can leave so that nothing remains.

The packages and the arrows between them are drawn in `docs/architecture.md`. This module imports nothing,
so that `hdus-peer --help` stays fast.
"""

__version__ = "0.1.0"
