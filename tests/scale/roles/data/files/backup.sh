#!/bin/sh
exec tar -C /srv -czf /var/backups/data.tar.gz data
