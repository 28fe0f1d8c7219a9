"""One example of every kind of message, properly signed, for tests of the codec."""

from hdus_peer.domain.envelope import Signed, Statement, sign
from hdus_peer.domain.identity import Identity
from hdus_peer.domain.membership import Hello
from hdus_peer.domain.seed import KeyGrant, LeaseRenewal, Parameter, SeedManifest
from hdus_peer.domain.unlearning import Departure, ErasureReceipt, LedgerEntry, SeedRelease, UnlearnKind, UnlearnNotice
from hdus_peer.protocol import messages as m
from tests.transport.certificates import Authority

SHA = "ab" * 32
NONCE = "0f" * 16


def hello(identity: Identity, network: str) -> Signed[Hello]:
    return sign(
        identity,
        Hello(
            protocol_min=1,
            protocol_max=1,
            network=network,
            peer=identity.peer_id,
            tls_spki_sha256=SHA,
            state_sequence=7,
            run_nonce=NONCE,
            task=SHA,
            architectures=("mobilenet-s", "mlp"),
            message_bytes_max=1,
            chunk_bytes_max=2,
            seed_bytes_max=3,
            tombstone_root="",
            membership_root="",
            wall_ms=1_700_000_000_000,
        ),
    )


def manifest(identity: Identity, payload_sha256: str = SHA) -> Signed[SeedManifest]:
    parameters = (Parameter("channels", 1), Parameter("classes", 10))
    architecture = ("mobilenet-s", parameters, SHA)
    return sign(identity, SeedManifest(identity.peer_id, 5, SHA, *architecture, payload_sha256, 20_000, SHA))


def grant(identity: Identity, holder: Identity) -> Signed[KeyGrant]:
    return sign(identity, KeyGrant(identity.peer_id, 5, SHA, holder.peer_id, 1, NONCE, 9, 1_700_000_000))


def lease(identity: Identity) -> Signed[LeaseRenewal]:
    return sign(identity, LeaseRenewal(identity.peer_id, 5, 1, 10, 20, 30))


def notice(identity: Identity, kind: str = UnlearnKind.LEAVE) -> Signed[UnlearnNotice]:
    return sign(identity, UnlearnNotice(identity.peer_id, 5, str(kind), SHA, 1, 1_700_000_000))


def receipt(identity: Identity, owner: Identity) -> Signed[ErasureReceipt]:
    statement = ErasureReceipt(identity.peer_id, owner.peer_id, 5, (SHA,), 1, 7, NONCE, 1_700_000_000)
    return sign(identity, statement)


def release(identity: Identity, owner: Identity) -> Signed[SeedRelease]:
    return sign(identity, SeedRelease(identity.peer_id, owner.peer_id, 1, "superseded", 7, 1_700_000_000))


def departure(identity: Identity) -> Signed[Departure]:
    return sign(identity, Departure(identity.peer_id, 7, 1_700_000_000))


def every_message(authority: Authority, ann: Identity, bob: Identity) -> list[m.Message]:
    """What `ann` may say to `bob`, with and without what is optional."""
    member = authority.membership(ann)
    ledger = (LedgerEntry(bob.peer_id, 5, 1), LedgerEntry(ann.peer_id, 0, 2**53))
    return [
        m.Greeting(hello(ann, authority.network), member, hello(bob, authority.network)),
        m.Greeting(hello(ann, authority.network), member, None),
        m.Notices((m.NoticeItem(notice(ann), member, departure(ann), ledger),), last=True),
        m.Notices((m.NoticeItem(notice(ann), member, None, ()),) * 2, last=False),
        m.Notices((), last=True),
        m.Merged(),
        m.Heartbeat(SHA, 5, 2**53, keeps=True, next_ms=2**32 - 1),
        m.TombstoneDigest(("", SHA) * (m.BUCKETS // 2)),
        m.TombstoneRequest((0, 3, 255)),
        m.Announce(manifest(ann)),
        m.AnnounceRequest(),
        m.KeyRequest(5, SHA, 9, NONCE),
        m.Key(grant(ann, bob), lease(ann), bytes(range(32))),
        m.Key(grant(ann, bob), None, bytes(32)),
        m.KeyRefused(SHA, "gone"),
        m.Renewal(lease(ann)),
        m.Receipt(receipt(ann, bob), member),
        m.ReceiptAck(bob.peer_id, ann.peer_id, 5),
        m.Release(release(ann, bob)),
        m.ReleaseAck(1),
        m.Inventory((m.InventoryItem(bob.peer_id, 5, SHA),)),
        m.Inventory(()),
        m.ManifestRequest(bob.peer_id, 5),
        m.HeldManifest(manifest(ann)),
        m.Equivocation(manifest(ann), manifest(ann, "cd" * 32), member),
        m.Goodbye("leaving"),
    ]


def signed_by_another(signed: Signed[Statement], other: Identity) -> Signed[Statement]:
    """The same statement under the signature of `other`."""
    return sign(other, signed.statement)
