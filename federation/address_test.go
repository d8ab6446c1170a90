package federation_test

import (
	"testing"

	"eidgate/federation"
)

func TestCheckURL(t *testing.T) {
	for raw, ok := range map[string]bool{
		"https://id.example.vn":             true,
		"https://id.example.vn:8443/x?y=z":  true,
		"http://127.0.0.1:8080/x":           true,
		"http://[::1]:8080":                 true,
		"http://id.localhost":               true,
		"http://id.example.vn":              false,
		"http://localhost.example.vn":       false,
		"http://127.0.0.1.example.vn":       false,
		"https://user@id.example.vn":        false,
		"https://127.0.0.1@id.example.vn/x": false,
		"https://id.example.vn/#":           false,
		"https://id.example.vn/#x":          false,
		"https:///x":                        false,
		"//id.example.vn":                   false,
		"javascript:alert(1)":               false,
		"data:text/html,x":                  false,
		"":                                  false,
	} {
		if err := federation.CheckURL(raw); (err == nil) != ok {
			t.Errorf("CheckURL(%q) = %v, want ok %v", raw, err, ok)
		}
	}
}

func TestOriginOf(t *testing.T) {
	for raw, want := range map[string]string{
		"https://id.example.vn:8443/x?y": "https://id.example.vn:8443", "https://id.example.vn": "https://id.example.vn",
		"/x": "", "urn:x": "", "": "", "https://%": "",
	} {
		if got := federation.OriginOf(raw); got != want {
			t.Errorf("OriginOf(%q) = %q, want %q", raw, got, want)
		}
	}
}
