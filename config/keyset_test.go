package config

import (
	"strings"
	"testing"
)

const rsaKeySet = `{"keys":[{"use":"sig","kty":"RSA","kid":"rsa","alg":"RS256","n":"2ps2rpROeRccXej_9WgGS94Yblq7QAJmJJ7Eue9gOvg8zkqmMvd4WYQMU-Qc6lhE6fl9ZORl-pEUd9PwP76yjEpuTF_lG0PeAeoCHjHRkRG-HmRrdlabyNNjufOrZmO8aj13yLLe8ZNDZTtKCBRnVirHoukmoxeWqwQrccDzq0G6pMOh6vgVWy1QyjbKOoagaw1ET84nLql2jW8K61B6W3oOB2IDJxxDNs2kTb3F2AsyreDWKthinUvpm5n1VNJmWdXFPvFu1RbdUyAAQl_KQ0xIN9FiPRDVVYI4gnZTzd9x__s02ebTqZg1bDn3HjiuwcYEqwPIjZF6uIF8PVJjzQ","e":"AQAB"}]}`

// TestKeySetFile reads a set as JSON text and keeps no member that does not count.
func TestKeySetFile(t *testing.T) {
	set := strings.Replace(rsaKeySet, `"kty"`, `"x5u":"https://attacker.example/","note":"n","kty"`, 1)
	path := write(t, map[string]string{
		"eidgate.yaml": strings.NewReplacer(
			"client_secret_basic", "private_key_jwt", "client_secret_files: [old.txt, new.txt]", "jwks_file: keys.json",
		).Replace(withFiles),
		"keys.json": set, "upstream.txt": "upstream",
	})
	c, err := Load(path, nil)
	if err != nil {
		t.Fatalf("Load() = %v", err)
	}
	got := string(c.RelyingParties()[0].JWKS)
	if !strings.Contains(got, `"kid":"rsa"`) || strings.Contains(got, "attacker") || strings.Contains(got, "note") {
		t.Errorf("JWKS = %s, want the key and nothing beside it", got)
	}
}

func TestKeySetFileTooLong(t *testing.T) {
	path := write(t, map[string]string{
		"eidgate.yaml": strings.Replace(withFiles, "client_secret_files: [old.txt, new.txt]", "jwks_file: keys.json", 1),
		"keys.json":    strings.Repeat(" ", maxKeySet+1), "upstream.txt": "upstream",
	})
	_, err := Load(path, nil)
	if want := "clients[0].jwks_file: longer than 65536 bytes"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Load() = %v, want %q", err, want)
	}
}

// FuzzKeySet: whatever a set holds, what is kept is public and checked.
func FuzzKeySet(f *testing.F) {
	for _, seed := range []string{
		rsaKeySet, `{}`, `{"keys":[{}]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`, `{"keys":[null]}`, `{"keys":[{"kty":"EC","crv":"P-256"}]}`,
		`{"keys":[{"kty":"RSA","n":"AA","e":"AQAB","d":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":{}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		faults := new(faults)
		set := KeySet(text)
		set.check(faults, "jwks")
		kept := set.canonical()
		if faults.err() == nil && kept == nil && text != "" {
			t.Errorf("check(%q) found nothing, and nothing is kept", text)
		}
		for _, name := range secretMembers {
			if strings.Contains(string(kept), `"`+name+`":`) {
				t.Errorf("canonical(%q) = %s, want public members only", text, kept)
			}
		}
	})
}
