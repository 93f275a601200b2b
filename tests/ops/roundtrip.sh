#!/bin/sh
# roundtrip.sh DL-OPT FILE: what is printed parses back to the same, and both lower.
set -e
first=$("$1" "$2")
second=$(printf '%s\n' "$first" | "$1")
test "$first" = "$second"
lowered=$("$1" --dl-lower-ops "$2")
if printf '%s\n' "$lowered" | grep -E '= dl\.' | grep -vE 'dl\.(extern|kernel|vjp|jvp)'; then
  echo "dl ops are left" >&2
  exit 1
fi
