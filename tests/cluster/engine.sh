#!/bin/sh
# Makes sure that a Docker engine, compose and mmdebstrap are there; starts the engine if none runs.
set -eu
missing=
command -v dockerd >/dev/null 2>&1 || docker info >/dev/null 2>&1 || missing="docker.io iptables"
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 || missing="$missing docker-compose"
command -v mmdebstrap >/dev/null 2>&1 || missing="$missing mmdebstrap"
if [ -n "$missing" ]; then
    apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi
if ! docker info >/dev/null 2>&1; then
    nohup dockerd >/tmp/kadalu-dockerd.log 2>&1 &
    for _ in $(seq 120); do
        docker info >/dev/null 2>&1 && break
        sleep 0.5
    done
fi
docker info >/dev/null
# Each systemd of a node takes some dozens of these; the kernel's default of 128 is not enough for two clusters.
instances=/proc/sys/fs/inotify/max_user_instances
if [ "$(cat $instances)" -lt 1024 ] && [ -w $instances ]; then
    echo 1024 >$instances || true
fi
