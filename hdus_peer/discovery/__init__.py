"""Finding addresses of other members. What is found is a suggestion; who answers there is proved by TLS.

    mdns       announces this peer on the local network and hears others (the only zeroconf)
    watch      whether this host's own network is another one
    multicast  whether mDNS works on this host at all
    static     addresses that the operator named
    combined   several at once
    memory     for tests and simulations: everybody in one process hears everybody

Every one of them repeats itself on a `Cadence`, faster while a known member is missing: a partition that healed is
found within seconds, which mDNS alone does not do.
"""
