# SPDX-License-Identifier: Apache-2.0
# nc: BusyBox's, the traditional one, OpenBSD's, Nmap's. probe.sh comes behind it.
methods=nc
# Two kinds: those with -z, which only connect, and those that run a program once they have.
nc_usable() {
	nc=$(command -v nc) || return 1
	sh=$(command -v sh)
	case $("$nc" -n -v -z -w 1 127.0.0.1 9 2>&1 </dev/null) in
	*-e\ PROG*) zero= ;;
	*option* | *sage* | *not\ found*) return 1 ;;
	*) zero=-z ;;
	esac
}
nc_dial() {
	if [ "$zero" ]; then
		out=$(inside "$nc" -n -v -z -w "$limit" "$1" "$port" 2>&1 </dev/null) && out=connected
	else
		out=$(inside "$nc" -w "$limit" "$1" "$port" -e "$sh" -c 'echo connected >&3' 3>&1 2>&1 </dev/null)
	fi
	case $out in *connected*) echo connected ;; *) failed "$out" ;; esac
}
nc_attempt() {
	list=$host
	is_address "$host" || list=$(getent ahosts "$host" | while read -r a rest; do echo "$a"; done | sort -u)
	[ -n "$list" ] || { echo unresolved; return; }
	all=$(for a in $list; do nc_dial "$a" & done; wait)
	case $all in *connected*) echo connected ;; *) echo "$all" | first ;; esac
}
# nc keeps the writing end of its own input open, so that the companion sees no end of it; it is ended once it has
# answered, or did not in time.
nc_control() {
	to=$(bracket "$chost"):$cport
	flags=
	[ -z "$zero" ] || flags=-v
	[ -z "$zero" ] || ! is_address "$phost" || flags='-n -v'
	printf 'CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' "$to" "$to" |
		"$sh" -c 'exec 9<>/proc/self/fd/0; echo $$; exec "$@" 2>&1' sh "$nc" $flags -w "$limit" "$phost" "$pport" | {
		read -r pid
		(
			# It may be told to end at any place, and has to take its sleep with it.
			nap= over=
			trap 'over=1; [ -z "$nap" ] || kill $nap' TERM
			sleep $((limit + 1)) &
			nap=$!
			[ -z "$over" ] || kill $nap
			wait $nap
			wait $nap
			[ "$over" ] || kill "$pid"
		) >/dev/null &
		said= answer=
		while [ -z "$answer" ] && read -r version code rest; do
			case $version.$code in HTTP/1.?.[1-9][0-9][0-9]) answer=$code ;; esac
			said="$said $version $code $rest"
		done
		kill "$pid" $!
		wait
		case $answer,$said in
		[1-9]*) echo "$answer" ;;
		*efused* | *imed\ out* | *nreachable* | *oute\ to* | *ermitted*) failed "$said" ;;
		*resol* | *known* | *bad\ addr* | *lookup*) failed "$said" ;;
		, | *ucceeded* | *open*) echo silent ;;
		*) echo garbled ;;
		esac
	}
}
