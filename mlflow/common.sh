# Read by the scripts beside it, not run: where things lie, and the settings of the team's server.
here=$(cd "$(dirname "$0")/.." && pwd)
python="$here/.venv/bin/python"
# All worktrees share the store of the main one, as the trainings do.
git=$(git -C "$here" rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || git=
case "$git" in
  */.git) home=$(dirname "$git")/mlflow ;;
  *) home=$here/mlflow ;;
esac
# Nothing is sent anywhere, and no helper processes for language-model features start.
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
unset MLFLOW_TRACKING_URI

# The driver of the Python side and the programs of PostgreSQL read the same variables (PGHOST, PGDATABASE, ...):
# no address holds a password, and none shows in the list of processes.
database=postgresql+psycopg:///

die() {
  echo "error: $1" >&2
  exit 1
}

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
