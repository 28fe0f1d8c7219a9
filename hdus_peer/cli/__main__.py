"""`python -m hdus_peer.cli`: the same command line, of exactly this interpreter."""

from hdus_peer.cli import main

main()
