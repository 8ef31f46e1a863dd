#!/bin/sh
# Who may include whom: docs/architecture.md. tests/layers.sh [TREE]
. "$(dirname "$0")/tap.sh"
tree=${1:-${srcdir:-$(dirname "$0")/..}}

# folder: the folders that it may include from
layers='
base: base
fleet: fleet base
decode: decode fleet base
kube: kube decode fleet base
audit: audit fleet base
store: store audit fleet base
plan: plan audit decode fleet base
tui: tui plan store audit fleet base
cli: cli tui plan store kube audit decode fleet base
'
# header of a library: the files that alone may include it
libraries='
curses.h: tui/term.c
ncurses.h: tui/term.c
ncursesw/curses.h: tui/term.c
ncursesw/ncurses.h: tui/term.c
term.h: tui/term.c
curl/curl.h: kube/http*
sqlite3.h: store/*
'

# includes TREE: FILE <HEADER or FILE "HEADER, a line each
includes() {
  (cd "$1" && find base fleet decode kube audit store plan tui cli -name '*.[ch]' -o -name '*.def' 2>/dev/null | sort |
    while read -r file; do
      sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"]\)\([^">]*\).*/\1\2/p' "$file" | sed "s|^|$file |"
    done)
}

# violations TREE: one line for each #include that points the wrong way
violations() {
  includes "$1" | awk -v layers="$layers" -v libraries="$libraries" '
    function glob(pattern, name) { # * at the end alone
      return pattern ~ /\*$/ ? index(name, substr(pattern, 1, length(pattern) - 1)) == 1 : pattern == name
    }
    BEGIN {
      n = split(layers, line, "\n")
      for (i = 1; i <= n; i++) if (split(line[i], word, /:? +/) > 1)
        for (j = 2; j in word; j++) allowed[word[1], word[j]] = 1
      n = split(libraries, line, "\n")
      for (i = 1; i <= n; i++) if (split(line[i], word, /: /) > 1) owners[word[1]] = word[2]
    }
    {
      header = substr($2, 2)
      folder = $1; sub(/\/.*/, "", folder)
      target = header; if (!sub(/\/.*/, "", target)) target = ""
      if (header in owners) {
        n = split(owners[header], owner, " "); good = 0
        for (i = 1; i <= n; i++) if (glob(owner[i], $1)) good = 1
        if (!good) print $1 " includes <" header ">, which is for " owners[header] " alone"
      } else if ($2 ~ /^"/ && header != "build-config.h") {
        if (target == "") print $1 " includes \"" header "\" without its folder"
        else if (!((folder, target) in allowed)) print $1 " includes " header
      }
    }'
}

has "$(includes "$tree")" 'base/err.c "base/err.h' "the tree is read"
found=$(violations "$tree")
is "$found" "" "every include points downwards"

# The test itself: a tree with one slip of each kind, and what is allowed beside it.
bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
mkdir -p "$bad/base" "$bad/fleet" "$bad/decode" "$bad/audit/rules" "$bad/tui" "$bad/cli"
echo '#include "fleet/fleet.h"' >"$bad/base/up.c"
printf '# include\t"audit/rule.h"\n' >"$bad/fleet/up.h"
echo '#include "audit/rule.h"' >"$bad/decode/side.c"
echo '#include "decode/decode.h"' >"$bad/audit/rules/side.c"
echo '#include "kube/http.h"' >"$bad/tui/kube.c"
echo '#include "decode/files.h"' >"$bad/tui/decode.c"
echo '#include <curses.h>' >"$bad/tui/view.c"
echo '#include <curl/curl.h>' >"$bad/cli/net.c"
echo '#include <sqlite3.h>' >"$bad/cli/db.c"
echo '#include "near.h"' >"$bad/cli/near.c"
printf '#include <curses.h>\n#include <stdio.h>\n#include "audit/rule.h"\n' >"$bad/tui/term.c"
printf '#include "build-config.h"\n#include "tui/term.h"\n#include "decode/files.h"\n' >"$bad/cli/main.c"
found=$(violations "$bad")
for slip in base/up.c fleet/up.h decode/side.c audit/rules/side.c tui/kube.c tui/decode.c tui/view.c cli/net.c \
  cli/db.c cli/near.c; do
  has "$found" "$slip includes " "a slip in $slip is seen"
done
is "$(echo "$found" | wc -l | tr -d ' ')" 10 "and nothing else"

done_testing
