# tied.sh PARENT COMMAND...: becomes the command, behind `setpriv --pdeathsig`, by which the kernel tells it of its parent's
# end; unless the parent, of that id, has ended already: then nobody would.
# shellcheck shell=bash
[[ $PPID == "$1" ]] || exit 1
shift
exec "$@"
