# Sourced after setup.sh: Docker and the lab's images for the tests; who sources it calls stop_dockerd at the end. Where there can be no Docker it says why and goes on: the
# tests then say what they skip, and with CI=true they fail.
DOCKER_PACKAGES=(mmdebstrap)  # and of Docker what is missing: whoever has another package of it keeps that
command -v docker >/dev/null && [ -n "$(command -v dockerd)$(docker info -f '{{.ID}}' 2>/dev/null)" ] || DOCKER_PACKAGES+=(docker.io)
command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || DOCKER_PACKAGES+=(docker-compose)
OUR_DOCKERD='' DOCKERD_AS=() DOCKERD_WORK=''
DOCKERD_SECONDS=60  # from its start until it answers

# A daemon that answers: the one that runs, or one of our own until this script ends.
need_docker() {
  local reason
  if docker info >/dev/null 2>&1; then return 0; fi
  if [ -n "${DOCKER_HOST:-}" ]; then
    say "no Docker: the daemon at $DOCKER_HOST does not answer"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "no Docker: its daemon does not answer, and there is no sudo"; return 1; }
    DOCKERD_AS=(sudo)
  fi
  if pgrep -x dockerd >/dev/null; then
    say "no Docker: its daemon runs, but does not answer you; be root or in the group docker"
    return 1
  fi
  DOCKERD_WORK=$(mktemp -d)
  say "starting Docker's daemon; it is stopped at the end"
  # Its pid file is where every daemon has it: so none can start beside another, whose socket it would take
  "${DOCKERD_AS[@]}" dockerd --group "$(id -gn)" </dev/null >"$DOCKERD_WORK/log" 2>&1 &
  OUR_DOCKERD=$!
  for ((tenths = 0; tenths < DOCKERD_SECONDS * 10; tenths++)); do
    if docker info >/dev/null 2>&1; then return 0; fi
    kill -0 "$OUR_DOCKERD" 2>/dev/null || break
    sleep 0.1
  done
  reason=$(grep -iE 'level=(error|fatal)|^failed' "$DOCKERD_WORK/log" | tail -1 || true)
  say "no Docker: its daemon cannot be started here: ${reason:-$(tail -1 "$DOCKERD_WORK/log")}"
  return 1
}

# Stops the daemon if it is one of ours.
stop_dockerd() {
  [ -n "$OUR_DOCKERD" ] || return 0
  "${DOCKERD_AS[@]}" kill "$OUR_DOCKERD" 2>/dev/null || true  # sudo passes it on
  wait "$OUR_DOCKERD" 2>/dev/null || true
  rm -rf "$DOCKERD_WORK"
}

# The images of these sources; those that are there already stay.
need_images() {
  if scripts/base-image && .venv/bin/lab images build; then return 0; fi
  say "no images: see above"
  return 1
}
