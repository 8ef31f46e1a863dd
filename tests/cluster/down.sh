#!/bin/bash
# Ends what up.sh and live.sh started, and only that: down.sh STATE. The folder stays, with the logs.
state=$1
for name in kwok kube-scheduler kube-controller-manager kube-apiserver etcd; do
  [ -s "$state/$name.pid" ] || continue
  pid=$(cat "$state/$name.pid")
  # The number may have gone to another process by now.
  case $(readlink "/proc/$pid/exe") in
  */$name | *"/$name (deleted)") kill -9 "$pid" ;; # there is nothing to save
  esac
  rm -f "$state/$name.pid"
done
