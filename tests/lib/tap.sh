# SPDX-License-Identifier: MIT
# For shell tests, to be sourced first: a folder of their own to stand in, and TAP.
#
#   is NAME WANTED GOT      like NAME PATTERN TEXT      echo "1..$count" at the end
: "${BUILD:?run by tests/run}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
count=0

is()
{
	count=$((count + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		printf '#   wanted: %s\n#   got: %s\n' "$2" "$3" >&2
	fi
}

like()
{
	# shellcheck disable=SC2254 # a pattern
	case $3 in
	$2) is "$1" x x ;;
	*) is "$1" "$2" "$3" ;;
	esac
}
