#!/bin/sh
# Give a plain `dvc` in this clone a private folder for what it remembers of files. Its own is /var/tmp/dvc, where every
# user of the machine may write, and it unpickles what lies there.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p .lvseg/dvc
chmod 700 .lvseg/dvc
.venv/bin/python -m dvc config --local core.site_cache_dir "$PWD/.lvseg/dvc"
