package web

import (
	"strings"
	"testing"
)

// TestPasskeyPolicy: only a page that asks for a passkey may, and runs that script alone.
func TestPasskeyPolicy(t *testing.T) {
	p := newPages(t)
	for _, tt := range []struct {
		name    string
		data    PasswordData
		scripts string
		allowed string
	}{
		{"no passkeys", PasswordData{Passkey: PasskeyUse("")}, "", "()"},
		{"passkeys", PasswordData{Passkey: PasskeyUse("c2FtcGxl")}, "script-src " + scriptHash(passkeyScript), "(self)"},
	} {
		w := render(p, Page{Name: "password", Data: tt.data})
		policy, permissions := w.Header().Get("Content-Security-Policy"), w.Header().Get("Permissions-Policy")
		if got := strings.Contains(policy, "script-src"); got != (tt.scripts != "") || !strings.Contains(policy, tt.scripts) {
			t.Errorf("%s: policy %q, want %q in it", tt.name, policy, tt.scripts)
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "connect-src") {
			t.Errorf("%s: policy %q lets the script do more", tt.name, policy)
		}
		for _, feature := range []string{"publickey-credentials-get=", "publickey-credentials-create="} {
			if !strings.Contains(permissions, feature+tt.allowed+",") {
				t.Errorf("%s: permissions %q, want %s%s", tt.name, permissions, feature, tt.allowed)
			}
		}
	}
}

// TestPasskeyScript is small, and shows its button by itself: without it there is none.
func TestPasskeyScript(t *testing.T) {
	if n := len(passkeyScript); n == 0 || n > 3<<10 {
		t.Errorf("the script has %d bytes, want at most 3 KiB", n)
	}
	if strings.Contains(string(passkeyScript), "</") || strings.Contains(string(passkeyScript), "<!--") {
		t.Error("the script holds what ends it")
	}
	w := render(newPages(t), Page{Name: "password", Data: PasswordData{Passkey: PasskeyUse(`"><img src=x>`)}})
	body := w.Body.String()
	if !strings.Contains(body, `" hidden>`) || strings.Contains(body, "<img") {
		t.Errorf("page %s, want a box that is hidden and nothing out of it", body)
	}
}
