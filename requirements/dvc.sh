#!/bin/sh
# Close the folders of this clone in which patients' data gathers, for a plain `dvc` has the umask of who calls it. A cache
# that is there already may be a group's. And let that `dvc` remember files in a private folder: its own is /var/tmp/dvc,
# where every user of the machine may write, and it unpickles what lies there.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p .lvseg/dvc .dvc/cache
chmod 700 .lvseg .lvseg/dvc
.venv/bin/python -m dvc config --local core.site_cache_dir "$PWD/.lvseg/dvc"
