package web

import (
	_ "embed"
	"encoding/json"
	"html/template"
)

// passkeyScript is the one script that pages of ours need: nothing else can ask a
// browser for a passkey (WebAuthn Level 3, §5.1). It stands in the page, since every
// browser knows the policy that lets run exactly it.
//
//go:embed scripts/passkey.js
var passkeyScript template.JS

// Passkey is what a page asks a device's authenticator for: a button, which is there only
// where the page's script runs and the browser knows passkeys. Its zero value is none.
type Passkey struct {
	// Options are what the browser is asked (WebAuthn Level 3, §5.4 and §5.5), as JSON.
	Options string
	Make    bool // a new passkey; else one that is there is used
}

// PasskeyUse asks for any passkey of this address to sign a challenge (base64url), with
// the person verified. An empty challenge asks for nothing.
func PasskeyUse(challenge string) Passkey {
	if challenge == "" {
		return Passkey{}
	}
	options, err := json.Marshal(map[string]any{"challenge": challenge, "userVerification": "required", "timeout": 300_000})
	if err != nil {
		return Passkey{}
	}
	return Passkey{Options: string(options)}
}

// PasskeyMake asks for a new passkey.
func PasskeyMake(options []byte) Passkey { return Passkey{Options: string(options), Make: true} }

// script is what the page runs for it.
func (p Passkey) script() template.JS {
	if p.Options == "" {
		return ""
	}
	return passkeyScript
}
