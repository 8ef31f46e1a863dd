#!/bin/sh
# What listens on every port of the pods of live.sh: HTTP on stdin and stdout; it says what it was asked. With a FILE that is
# there it says that: the status is its first line.
read -r request
request=$(printf '%s' "$request" | tr -d '\r')
cr=$(printf '\r')
while read -r header && [ "$header" != "$cr" ]; do :; done
status=200
if [ -e "${1-}" ]; then
  status=$(head -n 1 "$1")
  request=$(tail -n +2 "$1")
fi
printf 'HTTP/1.1 %s x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$status" "${#request}" "$request"
