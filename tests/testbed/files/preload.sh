#!/bin/sh
# Runs once, as PID 1 of a container of the half-made image: loads the inner images into /var/lib/docker, which is a
# volume here, and copies the result under the volume's mount point, from where Docker fills each host's own volume.
set -eu
images=/usr/local/share/testbed/images
dockerd >/run/dockerd.log 2>&1 &
daemon=$!
tries=0
until docker version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$daemon"; then
        cat /run/dockerd.log >&2
        exit 1
    fi
    sleep 0.1
done
for archive in "$images"/*.tar; do
    docker load --quiet --input "$archive"
done
docker info --format 'driver={{.Driver}} images={{.Images}}'
kill "$daemon"
wait "$daemon" || true
cd /var/lib/docker
rm -rf network containers runtimes tmp trust swarm plugins volumes buildkit
mkdir /run/root
mount --bind / /run/root
chmod 710 /run/root/var/lib/docker
cp -a /var/lib/docker/. /run/root/var/lib/docker/
umount /run/root
rm -rf /usr/local/share/testbed /etc/docker/key.json /var/lib/containerd /testbed-preload.sh
: >/etc/machine-id
sync
