"""Links between peers and transfer of sealed payloads: the port (`port`), over gRPC (`grpc`), in memory (`memory`).

Importing this package imports neither; whoever composes a peer imports the one it wants.
"""
