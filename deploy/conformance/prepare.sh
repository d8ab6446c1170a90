#!/usr/bin/env bash
# Makes what a run of the conformance suite needs, in run/: the server's
# certificate, the clients' secrets and key, the person's password, and the
# suite's configurations with these filled in. What is there already stays.
set -euo pipefail
umask 077
cd "$(dirname "$0")"
mkdir -p run/plans

if [[ ! -e run/tls.key ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=eidgate.test \
    -addext subjectAltName=DNS:eidgate.test,DNS:localhost,IP:127.0.0.1 -keyout run/tls.key -out run/tls.crt 2>/dev/null
fi

for name in client-1 client-2 client-post client-back client-front person; do
  [[ -e run/$name.secret ]] || openssl rand -hex 24 > "run/$name.secret"
done

# A P-256 key as a JWK (RFC 7518 §6.2): with its private member for the suite,
# without it for the gateway.
base64url() { printf "$(sed 's/../\\x&/g')" | openssl base64 -A | tr '+/' '-_' | tr -d '='; }
if [[ ! -e run/client-key.public.json ]]; then
  openssl ecparam -name prime256v1 -genkey -noout -out run/client-key.pem
  text=$(openssl ec -in run/client-key.pem -noout -text 2>/dev/null)
  hex() { sed -n "/^$1:/,/^[^ ]/p" <<< "$text" | grep '^ ' | tr -d ' :\n'; }
  private=$(hex priv) public=$(hex pub)
  private=$(printf '%064s' "${private: -64}" | tr ' ' 0)
  x=$(base64url <<< "${public:2:64}") y=$(base64url <<< "${public:66:64}") d=$(base64url <<< "$private")
  members="\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"conformance\",\"use\":\"sig\",\"alg\":\"ES256\",\"x\":\"$x\",\"y\":\"$y\""
  echo "{\"keys\":[{$members}]}" > run/client-key.public.json
  echo "{\"keys\":[{$members,\"d\":\"$d\"}]}" > run/client-key.private.json
fi

fill=(-e "s|@issuer@|${ISSUER:-https://eidgate.test:9443}|g" -e "s|@number@|001188000950|g"
  -e "s|@jwks@|$(< run/client-key.private.json)|g")
for name in client-1 client-2 client-post client-back client-front person; do
  fill+=(-e "s|@$name@|$(< "run/$name.secret")|g")
done
for plan in plans/*.json; do
  sed "${fill[@]}" "$plan" > "run/$plan"
done
echo "ready: run/, and run/plans/ for the suite"
