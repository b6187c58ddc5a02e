# shellcheck shell=bash
# What the scripts share: a Python, an environment with locked requirements, system packages where they are missing.
# Sourced with the repository's root as the working directory.

export LC_ALL=C.UTF-8 PYTHONUTF8=1

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# apt_install PACKAGE...: installs them when we may, else says how. Services of the packages are not started (RUNLEVEL=1).
apt_install() {
  if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    say "Missing on this machine. Please install:  sudo apt-get install --no-install-recommends $*"
    return 1
  fi
  say "Installing system packages: $*"
  local output
  output=$(
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    { apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }; } 2>&1
  ) || {
    say "$(tail -n 5 <<<"$output")"
    say "apt-get could not install: $*"
    return 1
  }
}

# find_python: prints a Python of at least 3.11 that can make environments.
find_python() {
  local candidate
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.11 python3.12 python3.13; do
    if has "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# make_environment DIRECTORY LOCK: an environment with exactly what LOCK names, checked by hash; nothing to do when it is there.
make_environment() {
  local directory=$1 lock=$2 python stamp
  python=$(find_python) || { apt_install python3 python3-venv && python=$(find_python); } ||
    fail "Python 3.11 or newer is needed."
  stamp="$(sha256sum <"$lock") $("$python" --version)"
  if [ -x "$directory/bin/python" ] && [ "$(cat "$directory/.installed" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv || exit 1
  say "Installing $lock into $directory …"
  [ -x "$directory/bin/python" ] || "$python" -m venv "$directory" || fail "The environment $directory could not be made."
  "$directory/bin/python" -m pip --version >/dev/null 2>&1 || "$directory/bin/python" -m ensurepip -q
  "$directory/bin/python" -m pip install -q --disable-pip-version-check --no-input --require-hashes --no-compile -r "$lock" ||
    fail "The requirements in $lock could not be installed."
  "$directory/bin/python" -W ignore -m compileall -qq -j 0 "$directory/lib" || true # on every core; pip takes one
  echo '*' >"$directory/.gitignore"
  printf '%s\n' "$stamp" >"$directory/.installed"
}

MAX_WORKERS=4 # each has a PostgreSQL and a Redis of its own

# workers: prints how many test processes run beside each other.
workers() {
  local cores
  cores=$(getconf _NPROCESSORS_ONLN)
  printf '%s\n' "$((cores < MAX_WORKERS ? cores : MAX_WORKERS))"
}
