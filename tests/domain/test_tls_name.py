from hdus_peer.domain.identity import Identity
from hdus_peer.domain.tls_name import ANY_TLS_NAME, peer_of_tls_name, tls_name


def test_a_peers_name_leads_back_to_it_and_no_other_name_does() -> None:
    peer = Identity.generate().peer_id
    assert peer_of_tls_name(tls_name(peer)) == peer
    for other in (ANY_TLS_NAME, peer, f"x.{tls_name(peer)}", "", tls_name(peer) + "."):
        assert peer_of_tls_name(other) is None
