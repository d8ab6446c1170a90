package fedtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// basePath is the path of a server's address, without a slash at its end: several
// servers can share one listener.
func basePath(address string) (string, error) {
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.RawQuery != "" || at.Fragment != "" || strings.HasSuffix(at.Path, "/") {
		return "", fmt.Errorf("address %q: want scheme, host and at most a path", address)
	}
	return at.Path, nil
}

// mounted serves what lies below a path as if it lay at the root.
func mounted(path string, h http.Handler) http.Handler {
	if path == "" {
		return h
	}
	return http.StripPrefix(path, h)
}
