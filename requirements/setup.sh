#!/bin/sh
# Make or mend .venv from the lock files. `make setup` calls this only when a lock file or pyproject.toml changed.
# GPU=1 adds CUDA (gpu.lock); a later call without it keeps CUDA in step.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

die() {
  echo "error: $1" >&2
  exit 1
}

find_python() {
  for name in ${PYTHON:-python3.12 python3.11 python3 python}; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  die "no Python 3.11 or 3.12 found: install one, or name it: make setup PYTHON=/path/to/python3.12"
}

# An interrupted set-up may leave a .venv whose Python or pip does not start: that one is made anew.
if ! $python -m pip --version >/dev/null 2>&1; then
  base=$(find_python)
  "$base" -c 'import venv, ensurepip' 2>/dev/null ||
    die "$base has no venv module: install it (Debian, Ubuntu: apt install python3-venv), or name another Python: make setup PYTHON=..."
  echo "Making .venv with $("$base" --version)"
  "$base" -m venv --clear .venv
fi

set -- requirements/dev.lock
if [ "${GPU:-0}" = 1 ] || [ -e .venv/gpu ]; then
  set -- "$@" requirements/gpu.lock
fi

echo "Installing the locked packages into .venv (the first time downloads about 1 GB)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
$python -m pip install --quiet --quiet --require-hashes -r requirements/uv.lock

. requirements/install.sh
install_locks $python "$@"
.venv/bin/uv pip install $quiet --python $python --offline --no-deps --no-build-isolation --editable .
sh requirements/dvc.sh

[ "${GPU:-0}" != 1 ] || touch .venv/gpu
touch .venv/ready
