#!/bin/sh
# The pages of docs/ that the program prints are what it prints: `make docs` writes them anew.
. "$srcdir/tests/tap.sh"

# same PAGE ARGUMENTS...
same() {
  page=$1
  shift
  "$MOAT" "$@" | diff - "$srcdir/docs/$page" >&2
  ok $? "docs/$page is what moat $* prints (else: make docs)"
}

same rules.md rules --markdown
same keys.md console --markdown
same usage.txt --help
done_testing
