#!/bin/sh
# What listens on every port of every pod of live.sh: an HTTP server on stdin and stdout that says what it was asked.
read -r request
request=$(printf '%s' "$request" | tr -d '\r')
cr=$(printf '\r')
while read -r header && [ "$header" != "$cr" ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "${#request}" "$request"
