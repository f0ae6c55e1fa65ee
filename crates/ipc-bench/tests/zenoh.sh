#!/bin/sh
# Stands in for zenoh's program: a router that only listens, and a load that only says so.
case "$1" in
--version) echo "a stand-in" ;;
router) exec "$IPC_BENCH" server "$2" ;;
load)
    echo ready
    echo '{"n_called":2,"n_answered":2,"n_emitted":0,"n_delivered":0,' \
        '"elapsed":{"secs":0,"nanos":1000000},"latencies":[250000,250000]}'
    ;;
esac
