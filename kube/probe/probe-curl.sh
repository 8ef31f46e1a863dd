# SPDX-License-Identifier: Apache-2.0
# curl, else wget: GNU's, or BusyBox's, which can make no tunnel. probe.sh comes behind it.
methods='curl wget'
curl_usable() { curl=$(command -v curl); }
# Sets how it ended: out (its words), status and facts; there is a local port once TCP has connected.
curl_facts='~%{http_connect} %{time_namelookup} %{local_port} %{remote_port} %{remote_ip}~'
curl_run() {
	out=$("$@" -sS -k -o /dev/null --connect-timeout "$limit" -m "$limit" -w "$curl_facts" 2>&1 </dev/null)
	status=$?
	facts=${out#*\~}
	facts=${facts%%\~*}
	out=${out%%\~*}${out##*\~}
}
curl_attempt() {
	curl_run inside "$curl" -q "https://$(bracket "$host"):$port/"
	set -- $facts
	direct=
	[ "$4" != "$port" ] || case $host in
	*[!0-9.]*) direct=1 ;;
	"$5") direct=1 ;;
	esac
	case $1,$direct,$3 in
	[1-9]*) echo proxied ;;
	*,1,[1-9]*) echo connected ;;
	*,*,[1-9]*) echo proxied ;;
	*) curl_failed "$2" "$host" ;;
	esac
}
# $1: how long the name took to resolve, 0 when it did not.
curl_failed() {
	case $status.$1 in
	5.* | 6.*) echo unresolved ;;
	28.*[1-9]*) echo timeout ;;
	28.*) is_address "$2" && echo timeout || echo unresolved ;;
	7.*) failed "refused or unreachable: $out" ;;
	*) failed "$out" ;;
	esac
}
curl_control() {
	curl_run env -i "$curl" -q -p -x "http://$(bracket "$phost"):$pport" "https://$(bracket "$chost"):$cport/"
	set -- $facts
	case $1,$status,$3 in
	[1-9]*) echo "$1" ;;
	*,28,[1-9]*) echo silent ;;
	*,*,[1-9]*) echo garbled ;;
	*) curl_failed "$2" "$phost" ;;
	esac
}
wget_usable() {
	wget=$(command -v wget) || return 1
	gnu=
	case $("$wget" --version 2>&1) in *GNU*) gnu='-t 1' ;; esac
}
wget_failed() {
	failed "$(printf %s\\n "$out" | sed -n '/refused/p;/timed out/p;/unreachable/p;/resolve/p;/bad address/p;/wget:/p')"
}
# BusyBox's knows no NO_PROXY, and names whom it connects to.
wget_detours() {
	[ -z "$gnu" ] || return 1
	case $out in
	*"Connecting to $(bracket "$host")"[:\ ]*) return 1 ;;
	*Connecting\ to\ *) return 0 ;;
	esac
	return 1
}
# A plain request, so that no wget keeps a list of hosts; that it got as far as one is what counts.
wget_attempt() {
	out=$(inside "$wget" $gnu -T "$limit" -O /dev/null "http://$(bracket "$host"):$port/" 2>&1 </dev/null)
	! wget_detours || { echo proxied; return; }
	case $out in
	*roxy\ request*) echo proxied ;;
	*...\ connected.* | *error\ getting\ response* | *server\ returned\ error* | *"HTTP/1."*) echo connected ;;
	*) wget_failed ;;
	esac
}
wget_control() {
	[ "$gnu" ] || { echo unable; return; }
	out=$(env -i HOME=/dev/null https_proxy="http://$(bracket "$phost"):$pport" "$wget" $gnu -T "$limit" -O /dev/null \
		--no-check-certificate "https://$(bracket "$chost"):$cport/" 2>&1 </dev/null)
	words=${out#*unneling failed: }
	case $out in
	*unneling\ failed:*) case $words in
		Forbidden*) echo 403 ;;
		Proxy\ Auth*) echo 407 ;;
		Method*) echo 405 ;;
		Bad\ Gateway*) echo 502 ;;
		Service*) echo 503 ;;
		Gateway*) echo 504 ;;
		*) failed "no tunnel: $words" ;;
		esac ;;
	*...\ connected.*roxy\ request\ sent* | *...\ connected.*SSL* | *...\ connected.*GnuTLS*) echo 200 ;;
	*...\ connected.*) echo silent ;;
	*) wget_failed ;;
	esac
}
