package keys

import "strings"

// Purpose is what a key is for. Each has keys of its own, and a plan of its own. The
// zero value is none.
type Purpose string

// The purposes of every gateway. Those of sources are made by SourceSigning and
// SourceDecryption.
const (
	Tokens       Purpose = "tokens" // ID tokens, access tokens, answers: in the JWKS
	LogoutTokens Purpose = "logout" // logout tokens: in the JWKS
	Checkpoints  Purpose = "audit"  // checkpoints of the audit: in the archive alone
)

// sourcePrefix begins the purposes of sources.
const sourcePrefix = "source/"

// SourceSigning is the purpose of keys that sign for one source: SAML requests, or the
// client assertions of an OpenID provider.
func SourceSigning(source string) Purpose { return Purpose(sourcePrefix + source + "/sign") }

// SourceDecryption is the purpose of keys that open what one source encrypts: SAML
// assertions, userinfo, the wrapped keys of VNeID.
func SourceDecryption(source string) Purpose { return Purpose(sourcePrefix + source + "/decrypt") }

// Source is the source that a purpose is of, or empty.
func (p Purpose) Source() string {
	rest, ok := strings.CutPrefix(string(p), sourcePrefix)
	if !ok {
		return ""
	}
	source, _, _ := strings.Cut(rest, "/")
	return source
}

// valid reports whether p is one of the purposes.
func (p Purpose) valid() bool {
	source := p.Source()
	return p == Tokens || p == LogoutTokens || p == Checkpoints ||
		source != "" && (p == SourceSigning(source) || p == SourceDecryption(source))
}

// decrypts reports whether keys of a purpose open, and do not sign.
func (p Purpose) decrypts() bool { return p.Source() != "" && p == SourceDecryption(p.Source()) }

// inJWKS reports whether verifiers learn keys of a purpose from the JWKS.
func (p Purpose) inJWKS() bool { return p == Tokens || p == LogoutTokens }

// Line is the keys of one purpose and algorithm: one signs, one stands by.
type Line struct {
	Purpose   Purpose
	Algorithm Algorithm
}

func (l Line) String() string { return string(l.Purpose) + " " + string(l.Algorithm) }
