#!/bin/sh
# Files as C, for base/embed.h: embed.sh OUTPUT SYMBOL DIR FILE... writes a source that defines
# `const struct embedded_file SYMBOL[]`, the files in the order given, each a path below DIR.
set -e
output=$1
symbol=$2
dir=$3
shift 3

generate() {
  echo '#include "base/embed.h"'
  n=0
  for file; do
    n=$((n + 1))
    echo "static const unsigned char file_$n[] = {"
    od -An -v -tu1 "$dir/$file" | sed 's/^ *//; s/  */,/g; s/$/,/'
    echo '0};'
  done
  echo "extern const struct embedded_file $symbol[];"
  echo "const struct embedded_file $symbol[] = {"
  n=0
  for file; do
    n=$((n + 1))
    echo "{\"$file\", file_$n, sizeof(file_$n) - 1},"
  done
  echo '{0}};'
}

mkdir -p "$(dirname "$output")"
generate "$@" >"$output.tmp"
mv "$output.tmp" "$output"
