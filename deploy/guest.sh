#!/bin/sh
# A guest: takes one identity out of the pool, once, and is that peer for as long as its state volume lives.
#
# Taking is a rename within the pool, which succeeds for one taker alone. The file then moves into the guest's own
# volume, durably, before it goes from the pool; a guest that was killed in between finds the file that it took under
# its own host name, which a container keeps over its restarts.
set -eu
umask 077
mine=/guests/taken-by-${HOSTNAME:?a guest needs a host name of its own}

take() {
  for file in /guests/*.credentials; do
    if mv -T "$file" "$mine" 2>/dev/null; then return; fi
  done
  echo "The pool of guests is empty. Raise GUESTS, run the authority again, and this guest goes on by itself." >&2
  exit 4
}

if [ ! -e /state/credentials ]; then
  [ -e "$mine" ] || take
  cp "$mine" /state/credentials.new
  sync /state/credentials.new
  mv -T /state/credentials.new /state/credentials
  sync /state
fi
rm -f "$mine"

# What a device would have of its own, data and chance, follows from the guest's number here: no two learn the same.
number=$(sed -n 's/.*"member": *"guest-\([0-9]*\)".*/\1/p' /state/credentials)
export HDUS_DATA__SHARD="drop-class:$((number % 10))/10" HDUS_TRAIN__RANDOM_SEED="$number"
exec hdus-peer start --unless-left
