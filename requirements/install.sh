# To be sourced: how locked packages come into an environment. .venv has pip and uv already.

# uv is several times faster than pip, but does not read pip's settings: hand it the index and the certificates
# that pip would use.
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
  index=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
fi
certificates=${PIP_CERT:-$(.venv/bin/python -m pip config get global.cert 2>/dev/null || true)}
[ -z "$certificates" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
quiet=--quiet
[ ! -t 1 ] || quiet=

# install_locks PYTHON LOCK...: bring the environment of PYTHON in step with the locks, and nothing else into it.
install_locks() {
  into=$1
  shift
  # Byte code is made now: where PYTHONDONTWRITEBYTECODE is set, every start would compile TensorFlow anew, for 20 s.
  if ! .venv/bin/uv pip sync $quiet --compile-bytecode --python "$into" --require-hashes "$@"; then
    echo "uv could not install; trying pip, which honours every setting of pip.conf" >&2
    for lock in "$@"; do
      "$into" -m pip install --quiet --quiet --require-hashes -r "$lock"
    done
  fi
}
