package federation_test

import (
	"testing"

	"eidgate/federation"
)

// A source's answer never makes a private or a symmetric key one to verify with.
func FuzzParseKeys(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"keys":null}`, `{"keys":[null,1,{}]}`, `[]`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := federation.ParseKeys(body)
		if err != nil {
			return
		}
		for _, key := range keys {
			if !key.IsPublic() || !key.Valid() {
				t.Errorf("ParseKeys(%q) gives a key that is not a public one", body)
			}
		}
	})
}
