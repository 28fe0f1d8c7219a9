"""Which adapter is which in a running daemon: every choice between implementations is made here, and only here."""

import random
import secrets
import time
from functools import partial

from hdus_peer.admission.credentials import Credentials
from hdus_peer.config import Config
from hdus_peer.discovery.combined import CombinedDiscovery
from hdus_peer.discovery.mdns import MdnsDiscovery
from hdus_peer.discovery.port import Discovery
from hdus_peer.discovery.static import StaticDiscovery
from hdus_peer.domain.clock import Instant
from hdus_peer.domain.combination import Combination
from hdus_peer.domain.envelope import sign
from hdus_peer.domain.identity import peer_id_of
from hdus_peer.protocol.limits import Limits
from hdus_peer.protocol.peer import PeerCore
from hdus_peer.protocol.state import Me
from hdus_peer.repository.port import Recovered
from hdus_peer.transport.grpc import GrpcTransport
from hdus_peer.transport.limits import TransportLimits
from hdus_peer.transport.tls import TlsMaterial
from hdus_peer.workers.predictor import ProcessPredictor
from hdus_peer.workers.trainer import ProcessTrainer

RENEWALS_PER_LEASE = 7
"""A holder in reach hears so often from its owner before its lease could end."""


def read_clock() -> Instant:
    """Now: the boot clock, which counts suspend and never jumps, and the wall clock."""
    return Instant(time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


def make_core(config: Config, credentials: Credentials, recovered: Recovered) -> PeerCore:
    task = credentials.task
    me = Me(
        peer=credentials.peer_id,
        root=peer_id_of(credentials.root_public_key),
        network=credentials.network,
        membership=credentials.membership,
        task=task.fingerprint,
        parameters=task.parameters,
        architectures=task.seed_architectures,
        tls_spki_sha256=credentials.tls_spki_sha256,
        run_nonce=secrets.token_hex(16),
        sign=partial(sign, credentials.identity),
    )
    return PeerCore(me, _limits(config), recovered.all(), random.Random(secrets.randbits(64)))


def _limits(config: Config) -> Limits:
    timing, limits, network = config.timing, config.limits, config.network
    return Limits(
        heartbeat_interval_s=timing.heartbeat_interval_s,
        suspect_after_s=timing.suspect_after_s,
        gone_after_s=timing.gone_after_s,
        dial_retry_max_s=timing.dial_retry_max_s,
        neighbours_max=network.neighbours_max,
        links_max=network.links_max,
        members_max=limits.members_max,
        seed_bytes_max=limits.seed_bytes_max,
        lease_use_s=config.lease.use_s,
        lease_hold_s=config.lease.hold_s,
        lease_renew_s=config.lease.use_s / RENEWALS_PER_LEASE,
    )


def make_transport(config: Config, credentials: Credentials) -> GrpcTransport:
    tls = TlsMaterial(
        root_certificate_pem=credentials.root_certificate_pem,
        certificate_chain_pem=credentials.certificate_chain_pem,
        private_key_pem=credentials.private_key_pem,
        network=credentials.network,
        root_public_key=credentials.root_public_key,
    )
    limits = TransportLimits(
        dial_s=config.timing.dial_timeout_s,
        bulk_idle_s=config.timing.fetch_idle_s,
        links_max=config.network.links_max,
    )
    return GrpcTransport(credentials.peer_id, tls, config.network.listen, limits)


def make_discovery(config: Config, credentials: Credentials, listen: str) -> Discovery:
    """`listen`: where the transport listens, with the port that was bound."""
    network = config.network
    parts: list[Discovery] = []
    if network.static_peers:
        parts.append(StaticDiscovery(network.static_peers))
    if network.mdns:
        me = credentials.peer_id
        parts.append(MdnsDiscovery(me, credentials.network, listen, network.mdns_interfaces, network.advertise))
    return CombinedDiscovery(tuple(parts))


def make_workers(config: Config) -> tuple[ProcessTrainer, ProcessPredictor]:
    predict = config.predict
    combination = Combination(predict.rule, predict.rho, predict.objective)
    return ProcessTrainer(), ProcessPredictor(combination, predict.threads)
