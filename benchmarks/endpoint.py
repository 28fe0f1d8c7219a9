"""The product's transport by itself, with an owner that does nothing but hold payloads: what bulk is measured on.

`python -m benchmarks.endpoint CREDENTIALS PAYLOAD …` serves files in a process of its own: once as the product does,
and once as a bare gRPC stream of the same bytes over the same mutual TLS, from memory. It writes one line of JSON: the
address of each, and its PeerId.
"""

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import uvloop

from benchmarks.empty_calls import tls_material
from benchmarks.plan import HOST
from hdus_peer.admission.credentials import load
from hdus_peer.domain.identity import PeerId
from hdus_peer.protocol.messages import Message
from hdus_peer.protocol.payload import Readable
from hdus_peer.repository.disk import LocalDisk
from hdus_peer.repository.payloads import ServedFile
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.tls import TlsMaterial, server_credentials

BARE_SERVICE = "hdus.bench.Bare"
BARE_STREAM = f"/{BARE_SERVICE}/Stream"
CHUNK_BYTES = 1024 * 1024
BARE_OPTIONS = [("grpc.max_receive_message_length", 2 * CHUNK_BYTES), ("grpc.max_send_message_length", 2 * CHUNK_BYTES)]


class Holder:
    """A `TransportListener` that serves these files by their SHA-256."""

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self._files = {hashlib.sha256(file.read_bytes()).hexdigest(): file for file in files}

    def on_link_up(self, peer: PeerId, dialled: bool) -> None: ...

    def on_link_down(self, peer: PeerId, reason: str) -> None: ...

    def on_message(self, peer: PeerId, message: Message) -> None: ...

    def on_refused(self, peer: PeerId | None, reason: str) -> None: ...

    def open_payload(self, peer: PeerId, payload_sha256: str) -> Readable | None:
        file = LocalDisk().open_read(self._files[payload_sha256])
        assert file is not None, "asked for by its hash"
        return ServedFile(file)


async def serve(credentials: Path, files: Sequence[Path]) -> None:
    tls, me = tls_material(credentials), load(credentials).peer_id
    transport = GrpcTransport(me, tls, f"{HOST}:0")
    await transport.start(Holder(files))
    server, port = await _bare_server(tls, {str(len(content)): content for content in map(Path.read_bytes, files)})
    print(json.dumps({"peer": me, "address": transport.address, "bare": f"{HOST}:{port}"}), flush=True)
    await server.wait_for_termination()


async def _bare_server(tls: TlsMaterial, contents: dict[str, bytes]) -> tuple[Any, int]:
    """Streams the content of the size that is asked for."""

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        content = contents[request.decode()]
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]

    server = grpc.aio.server(options=BARE_OPTIONS)
    handlers: dict[str, Any] = {"Stream": grpc.unary_stream_rpc_method_handler(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(BARE_SERVICE, handlers),))
    port = server.add_secure_port(f"{HOST}:0", server_credentials(tls))
    await server.start()
    return server, port


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
