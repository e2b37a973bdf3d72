#!/bin/sh
# Turns a fresh Debian with the listed packages into a node: for the container image and for the
# virtual machines of vagrant/. Run as root; may be run twice.
set -eu
# glusterd is there as a yardstick; it must not run on a node that kadalu manages.
systemctl disable glusterd 2>/dev/null || true
for unit in getty@tty1 console-getty apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
            fstrim.timer systemd-logind man-db.timer dpkg-db-backup.timer systemd-udevd lvm2-monitor; do
    ln -sf /dev/null "/etc/systemd/system/${unit%.service}$(case $unit in *.timer) ;; *) echo .service ;; esac)"
done
id admin >/dev/null 2>&1 || useradd -m -s /bin/bash admin
id ops >/dev/null 2>&1 || useradd -m -s /bin/bash ops
id guest >/dev/null 2>&1 || useradd -m -s /bin/bash guest
echo 'ops:ops-password' | chpasswd
echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
echo 'ops ALL=(ALL) ALL' > /etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/*
for home in /root /home/admin /home/ops /home/guest; do
    mkdir -p -m 700 "$home/.ssh"
done
for user in admin ops guest; do
    chown "$user:" "/home/$user/.ssh"
done
