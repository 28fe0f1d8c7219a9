"""A signed envelope inside a JSON file: four text fields, bytes as unpadded base64url."""

from hdus_peer.domain.envelope import SignedEnvelope, from_text, to_text
from hdus_peer.errors import MalformedError

FIELDS = ("payload_type", "payload", "public_key", "signature")


def envelope_to_fields(envelope: SignedEnvelope) -> dict[str, str]:
    return {
        "payload_type": envelope.payload_type,
        "payload": to_text(envelope.payload),
        "public_key": to_text(envelope.public_key),
        "signature": to_text(envelope.signature),
    }


def envelope_from_fields(fields: object) -> SignedEnvelope:
    """The inverse; nothing is verified yet. Raises MalformedError."""
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in FIELDS):
        raise MalformedError("an envelope without " + ", ".join(FIELDS))
    try:
        payload, public_key, signature = (from_text(fields[name]) for name in FIELDS[1:])
    except ValueError as problem:
        raise MalformedError("an envelope with bytes that are not base64url") from problem
    return SignedEnvelope(fields["payload_type"], payload, public_key, signature)
