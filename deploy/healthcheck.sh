#!/usr/bin/env bash
# Whether the daemon of this container is healthy: its /healthz says 200. Needs nothing but bash.
#
# usage: healthcheck.sh PORT [HOST]
set -euo pipefail
exec 3<>"/dev/tcp/${2:-127.0.0.1}/$1"
printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3
read -r _ code _ <&3
[ "$code" = 200 ]
