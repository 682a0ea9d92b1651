# Put before every play's own preparation. No network is there: what plays download stands on the host itself.
set -e

# A package of a program that Debian does not have: `program_deb NAME VERSION PORT` makes /srv/www/NAME_VERSION_all.deb. Its program
# serves an empty page at PORT, whatever its configuration says, and answers what such programs are asked.
program_deb() {
    root=$(mktemp -d) && chmod 755 "$root"
    mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/etc/$1" "$root/lib/systemd/system" "$root/usr/share/$1" /srv/www
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: stands in\n' \
        "$1" "$2" >"$root/DEBIAN/control"
    printf '#!/bin/sh\nid %s >/dev/null 2>&1 || useradd --system --user-group --no-create-home %s\nsystemctl daemon-reload\n' \
        "$1" "$1" >"$root/DEBIAN/postinst"
    printf '/etc/%s/config.yml\n' "$1" >"$root/DEBIAN/conffiles"
    echo "# as packaged" >"$root/etc/$1/config.yml"
    echo ready >"$root/usr/share/$1/ready"
    program "$1" "$2" "$3" >"$root/usr/bin/$1"
    printf '[Unit]\nDescription=%s\n[Service]\nUser=%s\nExecStart=/usr/bin/%s -config.file /etc/%s/config.yml\n%s\n' \
        "$1" "$1" "$1" "$1" '[Install]
WantedBy=multi-user.target' >"$root/lib/systemd/system/$1.service"
    chmod 755 "$root/DEBIAN/postinst" "$root/usr/bin/$1"
    dpkg-deb --root-owner-group --build "$root" "/srv/www/$1_$2_all.deb" >/dev/null
    rm -r "$root"
}

program() {
    printf '#!/bin/sh\ncase "$*" in *version*|-v) echo "%s version %s"; exit;; *verify*|*check*|*modules*|*validate*) exit;; esac\n' \
        "$1" "$2"
    printf 'exec /bin/busybox httpd -f -p %s -h /usr/share/%s\n' "$3" "$1"
}

# A web server with what is in /srv/www, at 127.0.0.1:8999.
mirror() {
    mkdir -p /srv/www
    systemd-run --quiet --unit mirror busybox httpd -f -p 127.0.0.1:8999 -h /srv/www
}
