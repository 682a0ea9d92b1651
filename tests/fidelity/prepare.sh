# Put before every play's own preparation. What plays download from vendors stands on the host itself.
set -e

# A package of a server that Debian does not have: `program_deb NAME VERSION` makes /srv/www/NAME_VERSION_all.deb, laid out as the
# vendor's own (github.com/grafana: packaging/ of alloy, mimir and grafana, tools/packaging/ of loki and tempo). Its program is
# standin.py.
program_deb() {
    root=$(mktemp -d) && chmod 755 "$root"
    unit=$1 place=/usr/bin config=config.yml options= account=1 start="systemctl enable $1; systemctl restart $1 || true"
    command="/usr/bin/$1 -config.file /etc/$1/config.yml"
    case $1 in
    mimir) place=/usr/local/bin command='/usr/local/bin/mimir --config.file=/etc/mimir/config.yml $CUSTOM_ARGS' options='CUSTOM_ARGS=""' ;;
    alloy)
        config=config.alloy start= options='CUSTOM_ARGS=""
CONFIG_FILE="/etc/alloy/config.alloy"'
        command='/usr/bin/alloy run $CUSTOM_ARGS --storage.path=/var/lib/alloy/data $CONFIG_FILE'
        ;;
    grafana)
        unit=grafana-server config=grafana.ini start= options='CONF_FILE=/etc/grafana/grafana.ini'
        place=/usr/share/grafana/bin command='/usr/share/grafana/bin/grafana server --config=${CONF_FILE}'
        ;;
    esac
    mkdir -p "$root/DEBIAN" "$root$place" "$root/etc/$1" "$root/etc/default" "$root/lib/systemd/system" /srv/www
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: stands in\n' \
        "$1" "$2" >"$root/DEBIAN/control"
    printf '#!/bin/sh\nid %s >/dev/null 2>&1 || useradd --system --user-group --no-create-home %s\nmkdir -p %s\n%s\n%s\n' \
        "$1" "$1" "/var/lib/$1" "systemctl daemon-reload" "$start" >"$root/DEBIAN/postinst"
    echo "# as packaged" >"$root/etc/$1/$config"
    echo "/etc/$1/$config" >"$root/DEBIAN/conffiles"
    if test -n "$options"; then
        echo "$options" >"$root/etc/default/$unit"
        echo "/etc/default/$unit" >>"$root/DEBIAN/conffiles"
    fi
    program "$1" "$2" >"$root$place/$1"
    printf '[Unit]\nDescription=%s\n[Service]\nUser=%s\nEnvironmentFile=-/etc/default/%s\nExecStart=%s\n%s\n' "$1" "$1" "$unit" \
        "$command" '[Install]
WantedBy=multi-user.target' >"$root/lib/systemd/system/$unit.service"
    chmod 755 "$root/DEBIAN/postinst" "$root$place/$1"
    dpkg-deb --root-owner-group --build "$root" "/srv/www/$1_$2_all.deb" >/dev/null
    rm -r "$root"
}

# Such a program by itself, on standard output.
program() {
    test -d /usr/lib/python3/dist-packages/yaml || apt-get install -qq -y python3-yaml >/dev/null
    printf '#!/bin/sh\nexec /usr/bin/python3 /usr/lib/standin.py %s %s "$@"\n' "$1" "$2"
}

# A package source with what is in /srv/www, and the host's lists of it.
package_source() {
    mkdir -p /srv/www
    (cd /srv/www && for deb in *.deb; do
        dpkg-deb -f "$deb" && printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \
            "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
    done >Packages)
    echo 'deb [trusted=yes] file:/srv/www ./' >/etc/apt/sources.list.d/local.list
    apt-get update -qq
}

# A web server with what is in /srv/www, at 127.0.0.1:8999.
mirror() {
    mkdir -p /srv/www
    systemd-run --quiet --unit mirror busybox httpd -f -p 127.0.0.1:8999 -h /srv/www
}
