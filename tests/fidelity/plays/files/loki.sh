#!/bin/sh
# Stands in for the program, which no package of Debian has: serves an empty page where Loki would listen, gRPC included.
/bin/busybox httpd -p 9095 -h /var/lib/loki
exec /bin/busybox httpd -f -p 3100 -h /var/lib/loki
