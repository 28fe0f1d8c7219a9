"""A member that speaks bytes of its own choice: over gRPC, over TLS, and over bare TCP.

Its credentials are valid; beyond that it keeps to nothing: what bounds an attack is what the victim allows.
"""

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Any

import grpc

from hdus_peer.admission.credentials import Credentials
from hdus_peer.domain.address import split_address
from hdus_peer.domain.identity import PeerId
from hdus_peer.domain.tls_name import tls_name

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
CONNECTING_S = 10.0


class RawMember:
    """`credentials` of a member, against the peer `victim` at `address`."""

    def __init__(self, credentials: Credentials, victim: PeerId, address: str) -> None:
        self.credentials = credentials
        self._victim, self._address = victim, address
        self._channels: list[Any] = []
        self._writers: list[asyncio.StreamWriter] = []

    def channel(self, *options: tuple[str, Any]) -> Any:
        """A gRPC connection of its own that sends messages of any size."""
        mine = self.credentials
        credentials = grpc.ssl_channel_credentials(
            mine.root_certificate_pem, mine.private_key_pem, mine.certificate_chain_pem
        )
        given = [
            ("grpc.ssl_target_name_override", tls_name(self._victim)),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
            *options,
        ]
        self._channels.append(grpc.aio.secure_channel(self._address, credentials, given))
        return self._channels[-1]

    async def connect(self, first_bytes: bytes = b"", *, tls: bool = True) -> asyncio.StreamReader:
        """A connection that says `first_bytes` and nothing more; with `tls`, after a complete handshake."""
        host, port = split_address(self._address)
        context = self._tls() if tls else None
        async with asyncio.timeout(CONNECTING_S):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=tls_name(self._victim) if tls else None
            )
        writer.write(first_bytes)
        self._writers.append(writer)
        return reader

    def _tls(self) -> ssl.SSLContext:
        mine = self.credentials
        context = ssl.create_default_context(cadata=mine.root_certificate_pem.decode())
        context.set_alpn_protocols(["h2"])
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory, "both.pem")
            file.touch(0o600)
            file.write_bytes(mine.private_key_pem + mine.certificate_chain_pem)
            context.load_cert_chain(file)
        return context

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        for channel in self._channels:
            await channel.close()
