#!/usr/bin/env bash
# Sees to what the tests need beyond Go: a C compiler for the race detector, a
# browser, fonts and curl for the end-to-end tests, Redis, nginx and HAProxy, which
# the tests start themselves, SoftHSM for keys in an HSM, npm where axe-core is still to be fetched. Installs what is missing
# when run by root on Debian; else names it and how to install it.
set -euo pipefail
cd "$(dirname "$0")/.."

# As web/browsertest looks for it.
has_browser() { command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null; }

# Servers stand where the path of a user may not lead.
has_command() { PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null; }

has_fonts() {
  local file
  for file in /usr/share/fonts/truetype/noto/NotoSans-Regular.* /usr/share/fonts/*/NotoSans-Regular.*; do
    [[ -e $file ]] && return
  done
  return 1
}

has_axe() {
  local version
  version=$(sed -n 's/^\taxeVersion *= "\(.*\)"$/\1/p' web/browsertest/axe.go)
  [[ -e ${XDG_CACHE_HOME:-${HOME:-}/.cache}/eidgate/axe-core-$version.tgz || -n ${npm_config_registry:-} ]] || command -v npm >/dev/null
}

has_softhsm() {
  local file
  for file in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so; do
    [[ -e $file ]] && return
  done
  return 1
}

missing=()
command -v "${CC:-gcc}" >/dev/null || missing+=(gcc)
[[ -e /usr/include/stdio.h ]] || missing+=(libc6-dev)
has_browser || missing+=(chromium-headless-shell)
has_fonts || missing+=(fonts-noto-core)
has_axe || missing+=(npm)
command -v redis-server >/dev/null && command -v redis-cli >/dev/null || missing+=(redis-server)
has_softhsm && command -v softhsm2-util >/dev/null || missing+=(softhsm2)
command -v curl >/dev/null || missing+=(curl)
command -v openssl >/dev/null || missing+=(openssl)
has_command nginx || missing+=(nginx)
has_command haproxy || missing+=(haproxy)

((${#missing[@]})) || exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  echo "missing for the tests: ${missing[*]}" >&2
  echo "install with: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

# Nothing that is installed here becomes a service that runs.
policy=/usr/sbin/policy-rc.d
if [[ " ${missing[*]} " =~ \ (redis-server|nginx|haproxy)\  && ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
else
  policy=
fi

# The browser of the whole package where there is none without windows.
with_browser() { apt-cache show chromium-headless-shell >/dev/null 2>&1 || missing=("${missing[@]/chromium-headless-shell/chromium}"); }

echo "installing for the tests: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
if ! { apt-get update && with_browser && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  exit 1
fi
