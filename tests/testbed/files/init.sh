#!/bin/sh
# PID 1 of a test host until systemd takes over. A container sees the machine's own boot id, which never changes; a real
# host gets a new one at every boot, and tools tell reboots by it. So each boot gets one here.
set -eu
cat /proc/sys/kernel/random/uuid >/run/boot_id
chmod 444 /run/boot_id
mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
mount -o remount,bind,ro /proc/sys/kernel/random/boot_id

# The outer engine lays its own files over these three and writes them anew at every start. On a real host they are plain
# files that a playbook can replace and that survive a reboot: take the covers off, and fill in what is underneath once.
cp /etc/resolv.conf /run/resolv.conf.first
for file in hosts hostname resolv.conf; do
    umount "/etc/$file"
done
if [ ! -s /etc/machine-id ]; then # the first boot
    tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
    hostname >/etc/hostname
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' "$(hostname)" >/etc/hosts
    cat /run/resolv.conf.first >/etc/resolv.conf
    chmod 644 /etc/hosts /etc/hostname /etc/resolv.conf
fi
rm /run/resolv.conf.first
exec /lib/systemd/systemd "$@"
