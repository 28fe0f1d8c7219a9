"""How a peer's owner commands its daemon: a port of plain values, and the local service and client that carry them."""
