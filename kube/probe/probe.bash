# SPDX-License-Identifier: Apache-2.0
# The same by bash alone, with /dev/tcp; getent where a name has to be resolved.
# $1 to $8: the arguments as in probe.py, without the source.
kind=$1 host=$2 port=$3 chost=$4 cport=$5 phost=$6 pport=$7 limit=$8
LC_ALL=C
bracket() { case $1 in *:*) echo "[$1]" ;; *) echo "$1" ;; esac; }
# $1: key, $2: function; what it prints is "pid N" (to be ended), "at WORD" (how far it is), "is WORD" (the end), or
# what bash says of an error.
ask() {
	local line left word=timeout first= pids= end=$((SECONDS + limit + 1)) over=
	exec 3< <($2 2>&1)
	while left=$((end - SECONDS)); ((left > 0)); do
		read -r -n 300 -t "$left" -u 3 line || { (($? > 128)) || over=1; break; }
		case $line in
		pid\ *) pids+=" ${line#pid }" ;;
		at\ *) word=${line#at } ;;
		is\ *) word=${line#is } first=; break ;;
		*) [[ $first ]] || first=$line ;;
		esac
	done
	[[ $over ]] && word="failed ${first:-it ended without a word}"
	echo "moat-probe $1=$word"
	# Whoever is first in a container may not bury the children of others: each is waited for by its parent.
	kill $pids 2>/dev/null
	while read -r -t 1 -u 3 line; do :; done
	wait $! 2>/dev/null
}
dial='exec 4<>"/dev/tcp/$0/$1" && echo is connected'
try() {
	echo "pid $BASHPID"
	local proxy="http://$(bracket "$phost"):$pport"
	case $kind in
	env-clear) exec -c "$BASH" -p -c "$dial" "$1" "$port" ;;
	no-proxy)
		export HTTPS_PROXY=$proxy https_proxy=$proxy HTTP_PROXY=$proxy http_proxy=$proxy NO_PROXY=$host no_proxy=$host
		exec "$BASH" -p -c "$dial" "$1" "$port"
		;;
	*) exec 4<>"/dev/tcp/$1/$port" && echo is connected ;;
	esac
}
attempt() {
	local all=$host address rest
	if [[ $host != *:* && $host == *[!0-9.]* ]]; then
		echo at unresolved
		all=
		while read -r address rest; do
			[[ $all == *"$address"* ]] || all+=" $address"
		done < <(echo "pid $BASHPID" >&2; exec getent ahosts "$host" 2>/dev/null)
		[[ $all ]] || { echo is unresolved; return; }
	fi
	echo at timeout
	for address in $all; do try "$address" & done
	wait
}
control() {
	local version code rest
	[[ $phost != - ]] || { echo is none; return; }
	echo "pid $BASHPID"
	exec 4<>"/dev/tcp/$phost/$pport" || return
	echo at silent
	set -- "$(bracket "$chost"):$cport"
	printf 'CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' "$1" "$1" >&4
	read -r -n 200 version code rest <&4 || [[ $version ]] || { echo is garbled; return; }
	case "$version ${code%$'\r'}" in
	HTTP/1.[01]\ [1-9][0-9][0-9]) echo "is ${code%$'\r'}" ;;
	*) echo is garbled ;;
	esac
}
echo moat-probe method=bash
[[ $kind == look ]] || { ask attempt attempt & ask control control & wait; }
