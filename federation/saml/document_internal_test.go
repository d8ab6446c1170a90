package saml

import (
	"strings"
	"testing"
)

// A few bytes of markup cost much to read, and nobody has signed them yet.
func TestMessageOfManyElements(t *testing.T) {
	for _, tt := range []struct {
		raw string
		ok  bool
	}{
		{"<a>" + strings.Repeat("<b/>", 900) + "</a>", true},
		{"<a>" + strings.Repeat("<b></b>", 900) + "</a>", true},
		{"<a>" + strings.Repeat("<b/>", 11_000) + "</a>", false},
		{"<a>" + strings.Repeat("<!---->", 6_000) + "</a>", false},
	} {
		if _, err := parseMessage([]byte(tt.raw)); (err == nil) != tt.ok {
			t.Errorf("parseMessage(%d bytes) = %v, want ok %v", len(tt.raw), err, tt.ok)
		}
	}
}
