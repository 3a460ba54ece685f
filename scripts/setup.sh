# Sourced by scripts/demo and scripts/test: makes this checkout ready on a Debian 12 or 13 machine, as root or with sudo.
# Says what it installs before it does; safe to repeat; does nothing where everything is in place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }
if [ ! -t 2 ] || [ -n "${NO_COLOR:-}" ]; then say() { printf '%s\n' "$*" >&2; }; fi
die() { printf 'host error: %s\n' "$*" >&2; exit 3; }

# Debian packages: $1 says what for, the rest are names.
need_packages() {
  local purpose=$1 missing=() name
  shift
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing Debian packages for $purpose: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "missing packages (${missing[*]}) and no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Packages $4… for purpose $3, without the service $1 that they would start and enable. Where the program $2 is installed
# already, its service is somebody's own.
need_without_service() {
  local service=$1 program=$2 as_root=() ours=
  shift 2
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  if [ -d /run/systemd/system ] && [ ! -x "$program" ]; then ours=yes; fi
  if [ -n "$ours" ]; then "${as_root[@]}" systemctl mask --quiet "$service"; fi
  need_packages "$@"
  if [ -n "$ours" ]; then
    "${as_root[@]}" systemctl unmask --quiet "$service"
    "${as_root[@]}" systemctl disable --quiet "$service"
  fi
}

need_kamailio() {
  need_without_service kamailio /usr/sbin/kamailio "Kamailio as the server" "${KAMAILIO_PACKAGES[@]}"
}

# A STUN server of others, which `lab probe measure --stun` is tested with
need_stun_server() {
  need_without_service coturn /usr/bin/turnserver "coturn as a STUN server" coturn
}

# nginx and HAProxy, as proxies of scenarios: without the services that their packages would start and enable. Where a
# program is installed already, its service is somebody's own.
need_proxies() {
  local as_root=() ours=() service
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  for service in nginx haproxy; do
    if [ -d /run/systemd/system ] && [ ! -x "/usr/sbin/$service" ]; then ours+=("$service"); fi
  done
  if [ ${#ours[@]} -gt 0 ]; then "${as_root[@]}" systemctl mask --quiet "${ours[@]}"; fi
  need_packages "nginx and HAProxy as proxies" "${PROXY_PACKAGES[@]}"
  if [ ${#ours[@]} -gt 0 ]; then
    "${as_root[@]}" systemctl unmask --quiet "${ours[@]}"
    "${as_root[@]}" systemctl disable --quiet "${ours[@]}"
  fi
}

# The first of the Pythons $3… from version 3.$1 to 3.$2 that can make virtual environments.
first_python() {
  local from=$1 to=$2 candidate
  shift 2
  for candidate in "$@"; do
    if "$candidate" -c "import sys, venv, ensurepip; sys.exit(not (3, $from) <= sys.version_info[:2] <= (3, $to))" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# A Python that pjsip has packages for, 3.10 to 3.12, else a later one; the system's own first, since every user can read it.
find_python() {
  local own=(/usr/bin/python3 python3)
  first_python 10 12 /usr/bin/python3 python3.11 python3.12 python3.10 python3 \
    ~/.local/share/uv/python/cpython-3.1[0-2].*/bin/python3 ~/.pyenv/versions/3.1[0-2].*/bin/python3 \
    || first_python 13 99 "${own[@]}" \
    || die "no Python 3.10 or later with venv found; apt-get install python3 python3-venv"
}

# Whether pjsip can run here; the sentence says what to do where it cannot.
need_client() {
  .venv/bin/python -c 'import sys
from lab.clients.pjsip import interpreters
from lab.errors import HostNotCapable
try:
    interpreters.find()
except HostNotCapable as lack:
    sys.exit(f"host error: {lack}")' || exit 3
}

# The virtual environment with exactly what a lock file ($1) names, and this checkout.
need_environment() {
  local lock=$1 python want
  python=$(find_python)
  want=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
  if [ "$(cat .venv/.installed 2>/dev/null)" = "$want" ] || { [ "$lock" = requirements.lock ] \
    && [ "$(cat .venv/.installed 2>/dev/null)" = "$(cat requirements-dev.lock pyproject.toml | sha256sum | cut -d' ' -f1)" ]; }; then
    return
  fi
  say "installing the Python packages of $lock into .venv"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r "$lock"
  .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
  .venv/bin/python -m compileall -q lab
  printf '%s\n' "$want" > .venv/.installed
}

# SIP.js, as a client of scenarios, into a cache folder of the user. Debian's npm is large, so another one will do.
need_sipjs() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    need_packages "SIP.js as a client" "${NODE_PACKAGES[@]}"
  fi
  .venv/bin/python -m lab.clients.sipjs.install >/dev/null
}

# The kernel of virtual time, two or three minutes of compiling, once per machine and user.
need_kernel() {
  .venv/bin/lab kernel build
}

RUN_PACKAGES=(ca-certificates libnftables1 python3 python3-venv)
KAMAILIO_PACKAGES=(kamailio kamailio-tls-modules kamailio-presence-modules kamailio-outbound-modules kamailio-websocket-modules)
PHONE_PACKAGES=(baresip-core liblinphone10 libkeepalive0 sip-tester)  # clients of scenarios; without them their cells are unsupported
PROXY_PACKAGES=(nginx libnginx-mod-stream haproxy)
NODE_PACKAGES=(nodejs npm)
KERNEL_PACKAGES=("$(. /etc/os-release && [ "${VERSION_ID-}" = 12 ] && echo linux-source-6.1 || echo linux-source)" bc bison bubblewrap flex gcc libc6-dev make patch xz-utils)
