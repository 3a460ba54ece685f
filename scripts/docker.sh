# Sourced after setup.sh: Docker and the lab's images for the tests. Where there can be no Docker it says why and goes on: the
# tests then say what they skip, and with CI=true they fail.
DOCKER_PACKAGES=(mmdebstrap)  # and of Docker what is missing: whoever has another package of it keeps that
command -v docker >/dev/null && [ -n "$(command -v dockerd)$(docker info -f '{{.ID}}' 2>/dev/null)" ] || DOCKER_PACKAGES+=(docker.io)
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || DOCKER_PACKAGES+=(docker-compose)
DOCKERD_SECONDS=60  # from its start until it answers

# A daemon that answers: the one that runs, or one of our own until this script ends.
need_docker() {
  local as_root=() work reason
  if docker info >/dev/null 2>&1; then return 0; fi
  if [ -n "${DOCKER_HOST:-}" ]; then
    say "no Docker: the daemon at $DOCKER_HOST does not answer"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "no Docker: its daemon does not answer, and there is no sudo"; return 1; }
    as_root=(sudo)
  fi
  if pgrep -x dockerd >/dev/null; then
    say "no Docker: its daemon runs, but does not answer you; be root or in the group docker"
    return 1
  fi
  work=$(mktemp -d)
  say "starting Docker's daemon; it is stopped at the end"
  # Its pid file is where every daemon has it: so none can start beside another, whose socket it would take
  "${as_root[@]}" dockerd --group "$(id -gn)" </dev/null >"$work/log" 2>&1 &
  OUR_DOCKERD=$!
  # shellcheck disable=SC2064  (what these are now is what is meant)
  trap "stop_dockerd '$work' ${as_root[*]}" EXIT
  for ((tenths = 0; tenths < DOCKERD_SECONDS * 10; tenths++)); do
    if docker info >/dev/null 2>&1; then return 0; fi
    kill -0 "$OUR_DOCKERD" 2>/dev/null || break
    sleep 0.1
  done
  reason=$(grep -iE 'level=(error|fatal)|^failed' "$work/log" | tail -1 || true)
  say "no Docker: its daemon cannot be started here: ${reason:-$(tail -1 "$work/log")}"
  return 1
}

stop_dockerd() {
  local work=$1
  shift
  "$@" kill "$OUR_DOCKERD" 2>/dev/null || true  # sudo passes it on
  wait "$OUR_DOCKERD" 2>/dev/null || true
  rm -rf "$work"
}

# The images of these sources; those that are there already stay.
need_images() {
  if scripts/base-image && .venv/bin/lab images build; then return 0; fi
  say "no images: see above"
  return 1
}
