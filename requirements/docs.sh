#!/bin/sh
# Make or mend .venv-docs, the environment of `make docs`, from docs.lock. It is its own, because the set-up of .venv
# takes away what dev.lock does not name, and because nobody who trains needs what makes pages.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv-docs/bin/python ] || .venv/bin/python -m venv --clear .venv-docs
echo "Installing the locked packages of the documentation into .venv-docs"
. requirements/install.sh
install_locks .venv-docs/bin/python requirements/docs.lock
touch .venv-docs/ready
