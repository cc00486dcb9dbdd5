# Read by the scripts beside it, not run: where things lie, and the settings of the team's server.
here=$(cd "$(dirname "$0")/.." && pwd)
python="$here/.venv/bin/python"

# What is logged shows patients' hearts, and a database of users the hashes of passwords.
umask 077

die() {
  echo "error: $1" >&2
  exit 1
}

# All worktrees share the store of the main one, as the trainings do. A hook's GIT_DIR would lead to another repository.
git=
if [ -e "$here/.git" ]; then
  git=$(unset GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_CEILING_DIRECTORIES
    git -C "$here" rev-parse --path-format=absolute --git-common-dir) ||
    die "git does not say where the main worktree of $here is, see above"
fi
case "$git" in
  */.git) home=$(dirname "$git")/mlflow ;;
  *) home=$here/mlflow ;;
esac
# Nothing is sent anywhere, no helper processes for language-model features start, and no gateway to such models.
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_ENABLE_AI_GATEWAY=false
unset MLFLOW_TRACKING_URI
# No proxy stands before servers of this machine (HTTP_PROXY); both spellings, as lvseg.core.environment has it.
no_proxy=${no_proxy:+$no_proxy,}${NO_PROXY:+$NO_PROXY,}localhost,127.0.0.1,::1
NO_PROXY=$no_proxy
export no_proxy NO_PROXY

# The driver of the Python side and the programs of PostgreSQL read the same variables (PGHOST, PGDATABASE, ...):
# no address holds a password, and none shows in the list of processes.
database=postgresql+psycopg:///

read_settings() {
  settings=${LVSEG_MLFLOW_SETTINGS:-$home/server.env}
  [ -f "$settings" ] || die "$settings is missing: copy mlflow/server.env.template there, chmod 600, fill it in"
  [ -z "$(find -L "$settings" -perm /077)" ] || die "$settings holds passwords, and others may read it: chmod 600 $settings"
  set -a
  . "$settings"
  set +a
  for name in PGHOST PGDATABASE PGUSER MLFLOW_ARTIFACTS_DESTINATION; do
    require "$name"
  done
  case "$MLFLOW_ARTIFACTS_DESTINATION" in
    s3://?*) artifacts= ;;
    /?*) artifacts=${MLFLOW_ARTIFACTS_DESTINATION%/} ;;
    *) die "MLFLOW_ARTIFACTS_DESTINATION in $settings must be an absolute path or s3://bucket/folder" ;;
  esac
}

require() {
  eval "value=\${$1:-}"
  [ -n "$value" ] || die "$1 is not set in $settings: mlflow/server.env.template says what it is"
}

# Ask the database; one value comes back.
ask() {
  psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"
}

# What the database holds, in one line.
counted() {
  ask "select concat_ws(', ', (select count(*) from runs) || ' runs', (select count(*) from metrics) || ' metrics',
    (select count(*) from model_versions) || ' model versions', (select count(*) from users) || ' users')"
}
