#!/bin/sh
# The authority, for one moment: makes the network, and credentials for whoever was never given any. Run again, it
# changes nothing. It takes the names of the peers as arguments, and from GUESTS how many guests there may be.
#
#   /authority     the network's directory with its root key: a volume that no peer mounts
#   /peers/NAME    the state volume of a peer: the credentials are laid where its daemon keeps them
#   /guests        the pool: a file for each guest to come, until one takes it (guest.sh)
#
# Who was admitted is what the network's register says, not which files are there: a credentials file that a guest has
# taken, or that was lost with its volume, is not made a second time.
set -eu
umask 077
network=/authority

is_admitted() { [ -e "$network/members.jsonl" ] && grep -q "\"name\":\"$1\"" "$network/members.jsonl"; }
admit() {
  is_admitted "$1" && return
  hdus-peer network issue "$1" --network "$network" --out "$2" >/dev/null
  echo "$1 was admitted."
}

[ -e "$network/root.pem" ] ||
  hdus-peer network create "$network" --task "${TASK:-digits}" --name "${NETWORK:-home}" >/dev/null

for name in "$@"; do
  admit "$name" "/peers/$name/credentials"
  [ -e "/peers/$name/credentials" ] ||
    echo "$name was admitted before, and its volume holds no credentials (any more): it needs another name." >&2
done

number=1
while [ "$number" -le "${GUESTS:-0}" ]; do
  admit "guest-$number" "/guests/guest-$number.credentials"
  number=$((number + 1))
done
