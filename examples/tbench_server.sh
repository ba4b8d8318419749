#!/bin/sh
# tbench's server (Debian: dbench) on its port, TCP 7003, until target_wrapper ends it.
exec tbench_srv
