"""Who may take part: a network's authority, and the credentials file that it gives to each member.

    authority     a network directory: root key and certificate, task, register; `create_network`, `issue`,
                  `sign_request`
    register      the append-only list of everybody who was ever admitted
    credentials   one file per member; `load` proves that everything in it belongs together
    device        a device that makes its keys itself: `request_admission`, `request_renewal`, `accept`
    request       what it asks, with the proof that it has both keys; public
    grant         what it is answered, under the root's seal; public
    kept_keys     its keys while it waits; secret
    certificates  X.509: the root, the leaves, and what is checked of them
    task_file     task.toml and the presets

A network is a small certificate authority with an Ed25519 root. It vouches for a member twice: by a TLS certificate
(P-256, because TLS stacks refuse Ed25519 leaves) that opens connections, and by a signed `Membership` that travels
with statements and is judged at their date, long after the certificate expired.
"""
