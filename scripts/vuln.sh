#!/usr/bin/env bash
# Looks for known vulnerabilities in what the gateway calls. VULNDB names
# another database, such as file:///srv/vulndb; the public one is skipped, and
# that is said, where it cannot be reached.
set -euo pipefail

db=${VULNDB:-https://vuln.go.dev}
if [[ -z ${VULNDB:-} ]] && ! timeout 5 bash -c ': </dev/tcp/vuln.go.dev/443' 2>/dev/null; then
  echo "govulncheck: vuln.go.dev cannot be reached, skipped (VULNDB names another database)"
  exit 0
fi
exec go tool -modfile=tools/govulncheck/go.mod govulncheck -db "$db" ./...
