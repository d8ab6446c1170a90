#!/usr/bin/env bash
# Sees to the relying parties and the sources of `make interop`: Debian packages
# (installed when run by root), the Node packages of interop/node and
# bin/oauth2-proxy, at the versions that interop/ pins.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
[[ -x /usr/sbin/apache2 ]] || missing+=(apache2-bin)
[[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]] || missing+=(libapache2-mod-auth-openidc)
/usr/bin/python3 -c 'import authlib, flask, requests' 2>/dev/null || missing+=(python3-authlib python3-flask python3-requests)
[[ -x /usr/sbin/slapd ]] || missing+=(slapd)
[[ -x /usr/sbin/samba && -d /usr/share/samba/setup ]] || missing+=(samba-ad-dc samba-ad-provision)
/usr/bin/python3 -c 'import samba.provision' 2>/dev/null || missing+=(python3-samba)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)

# LemonLDAP::NG: the portal, what its three issuers load, and a server to run it.
[[ -e /usr/share/perl5/Lemonldap/NG/Portal/Main.pm ]] || missing+=(liblemonldap-ng-portal-perl)
for module in Lasso:liblasso-perl XML::Simple:libxml-simple-perl IO::String:libio-string-perl \
  String::Random:libstring-random-perl Glib:libglib-perl; do
  perl -M"${module%:*}" -e 1 2>/dev/null || missing+=("${module##*:}")
done
command -v starman >/dev/null || missing+=(starman)
[[ -e /usr/share/simplesamlphp/www/module.php ]] || missing+=(simplesamlphp)
php -r 'exit(extension_loaded("dom") && extension_loaded("mbstring") ? 0 : 1);' 2>/dev/null || missing+=(php-cli php-xml php-mbstring)

if ((${#missing[@]})); then
  if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "missing for make interop: ${missing[*]}" >&2
    echo "install with: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "installing for make interop: ${missing[*]}"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  # The tests run each program themselves: no service of it is set up, started, or
  # started at the next boot.
  if [[ " ${missing[*]} " == *" slapd "* ]]; then
    echo 'slapd slapd/no_configuration boolean true' | debconf-set-selections
  fi
  if ! { timeout 60 apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive timeout 300 \
    apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
  fi
  if [[ -d /run/systemd/system ]]; then
    for unit in slapd:slapd samba-ad-dc:smbd samba-ad-dc:nmbd samba-ad-dc:winbind samba-ad-dc:samba-ad-dc; do
      if [[ " ${missing[*]} " == *" ${unit%%:*} "* ]]; then
        systemctl disable --now "${unit#*:}" >>"$log" 2>&1 || true
      fi
    done
  fi
fi

node_major=$(node -p 'process.versions.node.split(".")[0]')
if ((node_major < 20)); then
  echo "make interop needs Node.js 20 or later, this is $(node --version)" >&2
  exit 1
fi
lock=interop/node/package-lock.json
if [[ ! interop/node/node_modules/.package-lock.json -nt $lock ]]; then
  timeout 60 npm ci --prefix interop/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
fi
mkdir -p bin
(cd interop/oauth2-proxy && timeout 240 go build -trimpath -o ../../bin/oauth2-proxy github.com/oauth2-proxy/oauth2-proxy/v7)
