#!/bin/sh
# What listens on every port of the pods of live.sh: HTTP on stdin and stdout; it says what it was asked.
read -r request
request=$(printf '%s' "$request" | tr -d '\r')
cr=$(printf '\r')
while read -r header && [ "$header" != "$cr" ]; do :; done
printf 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "${#request}" "$request"
