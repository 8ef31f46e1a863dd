# Sourced by shell tests: counts cases and prints TAP.
tap_count=0
tap_failed=0

# ok STATUS NAME: passed when STATUS is 0
ok() {
  tap_count=$((tap_count + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $tap_count - $2"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $2"
  fi
}

# is GOT WANTED NAME
is() {
  [ "$1" = "$2" ]
  tap_status=$?
  ok $tap_status "$3"
  [ $tap_status -eq 0 ] || printf '%s\n' "got: $1" "wanted: $2" | sed 's/^/# /'
}

# has TEXT PART NAME: PART stands somewhere in TEXT
has() {
  case $1 in
  *"$2"*) ok 0 "$3" ;;
  *)
    ok 1 "$3"
    printf '%s\n' "no \"$2\" in: $1" | sed 's/^/# /'
    ;;
  esac
}

# The plan; ends the script.
done_testing() {
  echo "1..$tap_count"
  [ $tap_failed -eq 0 ]
  exit
}
