# SPDX-License-Identifier: Apache-2.0
# The same by a client that any sh runs; behind probe-nc.sh or probe-curl.sh, which have the clients.
# $1 to $8: the arguments as in probe.py, without the source.
kind=$1 host=$2 port=$3 chost=$4 cport=$5 phost=$6 pport=$7 limit=$8
LC_ALL=C
export LC_ALL
exec 2>/dev/null
say() { printf 'moat-probe %s=%s\n' "$1" "$2"; }
bracket() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }
is_address() { case $1 in *:*) ;; *[!0-9.]*) return 1 ;; esac; }
# The first line that says something.
first() { while read -r line; do [ -z "$line" ] || { echo "$line"; break; }; done; }
failed() { printf %s\\n "$1" | { line=$(first); echo "failed $line"; }; }
# Runs a client in the environment of the kind.
inside() {
	proxy="http://$(bracket "$phost"):$pport"
	case $kind in
	no-proxy) env HTTPS_PROXY="$proxy" https_proxy="$proxy" HTTP_PROXY="$proxy" http_proxy="$proxy" \
		NO_PROXY="$host,$(bracket "$host")" no_proxy="$host,$(bracket "$host")" "$@" ;;
	*) env -i "$@" ;;
	esac
}
for method in $methods; do
	${method}_usable || continue
	say method $method
	[ $kind != look ] || break
	{ say attempt "$(${method}_attempt)"; } &
	if [ "$phost" = - ]; then say control none; else say control "$(${method}_control)"; fi
	wait
	break
done
