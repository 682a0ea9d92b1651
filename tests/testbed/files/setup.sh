#!/bin/sh
# Runs once, as root, inside the file system of the test host's image, after its packages are installed and the files of
# recipe.py are laid over it. No systemd runs here: enabling and masking units means making links.
set -eu

# --- users. The passwords are test credentials, documented in tests/testbed/README.md.
for user in deploy nosudo askpass; do
    useradd --create-home --shell /bin/bash "$user"
    usermod --password '*' "$user"
done
echo 'root:root-pw' | chpasswd
echo 'askpass:secret-pw' | chpasswd
for home in /root /home/deploy /home/nosudo /home/askpass; do
    install -d -m 700 "$home/.ssh"
    install -m 600 /etc/ssh/testbed_authorized_keys "$home/.ssh/authorized_keys"
    chown -R --reference="$home" "$home/.ssh"
done
rm /etc/ssh/testbed_authorized_keys

echo 'LANG=C.UTF-8' >/etc/default/locale

# --- ssh: one set of host keys, made outside, so that they stay the same when a host is made again.
rm -f /etc/ssh/ssh_host_ecdsa_key* /etc/ssh/ssh_host_rsa_key*
chmod 600 /etc/ssh/ssh_host_ed25519_key

# --- units. Tests enable what they need; what a container has no use for, or what wakes up by itself and changes files
# in the middle of a comparison, is masked.
systemctl enable ssh.service cron.service docker.service containerd.service
systemctl disable nginx.service prometheus.service prometheus-node-exporter.service
for unit in \
    apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service man-db.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer logrotate.timer \
    prometheus-node-exporter-apt.timer prometheus-node-exporter-ipmitool-sensor.timer \
    prometheus-node-exporter-mellanox-hca-temp.timer prometheus-node-exporter-nvme.timer \
    prometheus-node-exporter-smartmon.timer systemd-tmpfiles-clean.timer \
    systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-sysctl.service \
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
    dev-hugepages.mount systemd-remount-fs.service systemd-firstboot.service systemd-sysusers.service \
    systemd-pstore.service systemd-random-seed.service systemd-boot-system-token.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service systemd-ask-password-wall.path systemd-ask-password-console.path \
    getty.target console-getty.service getty@tty1.service getty-static.service \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service
do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target

# --- certificates of the machine that builds, which its package mirrors may need
update-ca-certificates >/dev/null 2>&1 || true

# --- what the machine that builds must not leave behind
rm -f /etc/apt/sources.list.d/* /var/lib/dbus/machine-id /usr/sbin/policy-rc.d
rm -f /etc/hostname /etc/resolv.conf 2>/dev/null || true # mount points, where this runs in a container
: >/etc/machine-id
find /var/log -type f -exec truncate -s 0 {} +

# --- the images of the inner Docker engine
python3 /usr/local/share/testbed/inner_images.py /usr/local/share/testbed/images
rm /usr/local/share/testbed/inner_images.py "$0"
