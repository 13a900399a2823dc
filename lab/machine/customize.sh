#!/bin/sh
# Runs in the machine image's root, given as first argument, after its packages are installed.
set -eu
root=$1

chroot "$root" systemctl disable --quiet \
    chrony.service nftables.service unattended-upgrades.service \
    e2scrub_reap.service fstrim.timer e2scrub_all.timer apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer
chroot "$root" systemctl mask --quiet \
    systemd-modules-load.service systemd-udevd.service systemd-networkd-wait-online.service getty.target \
    console-getty.service systemd-binfmt.service sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount \
    systemd-firstboot.service systemd-journal-catalog-update.service ldconfig.service cloud-init-hotplugd.socket
chroot "$root" systemctl enable --quiet systemd-networkd.service ssh.service
# Settings of the kernel that all guests share are the host's.
rm -f "$root"/usr/lib/sysctl.d/50-pid-max.conf "$root"/usr/lib/sysctl.d/10-coredump-debian.conf
# Ansible's first task needs no compilation, and cloud-init starts in a third of the time.
chroot "$root" sh -c 'python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.*/'

# What mmdebstrap was told is the host's business; in a guest, packages come through the lab's proxy.
rm -f "$root"/etc/apt/apt.conf.d/99mmdebstrap
echo "Acquire::http::Proxy \"$LAB_PACKAGE_PROXY\";" > "$root"/etc/apt/apt.conf.d/91-lab-proxy.conf

rm -f "$root"/etc/ssh/ssh_host_*_key* "$root"/etc/hostname "$root"/etc/resolv.conf
: > "$root"/etc/machine-id
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/*
mkdir -p "$root"/var/lib/cloud/seed/nocloud "$root"/var/lib/containerd "$root"/var/lib/kubelet "$root"/var/lib/etcd
chmod 0711 "$root"/var/lib/containerd
chmod 0700 "$root"/var/lib/etcd
