#!/bin/sh
# Stands in for the program, which no package of Debian has: serves an empty page where Loki would listen.
exec /bin/busybox httpd -f -p 3100 -h /var/lib/loki
