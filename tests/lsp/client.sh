#!/usr/bin/env bash
# client.sh NVIM SCRIPT: the script inside an editor without the user's settings, in an empty folder.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export DL_SCRATCH=$scratch XDG_STATE_HOME=$scratch/state XDG_DATA_HOME=$scratch/data XDG_CONFIG_HOME=$scratch/config
mkdir "$scratch/files"
DL_SCRATCH=$scratch/files "$1" --headless -u NONE -i NONE -n -c "luafile $2" 2>&1
