package credential_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// oldPassword is what the hashes of testdata/oldhashes.tsv are of.
const oldPassword = "Hà Nội 1010 synthetic"

// oldHashes reads hashes that other programs made.
func oldHashes(t testing.TB) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/oldhashes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, hash, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			hashes[name] = hash
		}
	}
	if len(hashes) < 36 {
		t.Fatalf("%d hashes in the file, want 36 at least", len(hashes))
	}
	return hashes
}

func TestOldHashesOfOtherPrograms(t *testing.T) {
	p := newPasswords(t, 0)
	for name, hash := range oldHashes(t) {
		t.Run(name, func(t *testing.T) {
			if kind, err := credential.CheckOldHash(hash); kind == "" || err != nil {
				t.Fatalf("CheckOldHash() = %q, %v, want a kind", kind, err)
			}
			before := p.Evaluations()
			updated, err := p.VerifyOld(t.Context(), hash, eid.NewSecret(oldPassword))
			if err != nil {
				t.Fatalf("VerifyOld() of the right password = %v", err)
			}
			if own := name == "argon2id own costs"; own != (updated == "") || !own && !strings.HasPrefix(updated, "$argon2id$v=19$m=19456,t=2,p=1$") {
				t.Errorf("VerifyOld() has %.32q to store", updated)
			}
			if updated != "" {
				if again, err := p.VerifyOld(t.Context(), updated, eid.NewSecret(norm.NFD.String(oldPassword))); again != "" || err != nil {
					t.Errorf("VerifyOld() of what was stored = %.32q, %v, want no other hash", again, err)
				}
			}
			for _, wrong := range []string{oldPassword + "x", strings.Repeat("a", 257)} {
				if updated, err := p.VerifyOld(t.Context(), hash, eid.NewSecret(wrong)); updated != "" || !errors.Is(err, credential.ErrMismatch) {
					t.Errorf("VerifyOld(%.10q) = %q, %v, want %v", wrong, updated, err, credential.ErrMismatch)
				}
			}
			if work, want := p.Evaluations()-before, uint64(4); updated != "" && work != want {
				t.Errorf("evaluations = %d, want %d", work, want)
			}
		})
	}
}

func TestCheckOldHashRefuses(t *testing.T) {
	b53, b86 := strings.Repeat("a", 53), strings.Repeat("a", 86)
	tests := map[string]struct {
		hash string
		want error
	}{
		"empty":                    {"", credential.ErrOldHash},
		"a password":               {"hunter2", credential.ErrOldHash},
		"another hash":             {"$y$j9T$abcdefgh$" + b53, credential.ErrOldHash},
		"spaces around":            {" 269ec775a8f5dc3631833229c87b4b9e ", credential.ErrOldHash},
		"line end behind":          {"269ec775a8f5dc3631833229c87b4b9e\n", credential.ErrOldHash},
		"too short":                {"269ec775a8f5dc3631833229c87b4b9", credential.ErrOldHash},
		"locked in crypt":          {"!$6$SynthSlt$" + b86, credential.ErrOldHash},
		"bcrypt, broken variant":   {"$2x$10$" + b53, credential.ErrOldHash},
		"bcrypt 14":                {"$2y$14$" + b53, credential.ErrOldHashCost},
		"bcrypt 31":                {"$2y$31$" + b53, credential.ErrOldHashCost},
		"bcrypt 3":                 {"$2y$03$" + b53, credential.ErrOldHashCost},
		"argon2d":                  {"$argon2d$v=19$m=8192,t=3,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHash},
		"argon2id, version 16":     {"$argon2id$v=16$m=8192,t=3,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHash},
		"argon2id, 1 GiB":          {"$argon2id$v=19$m=1048576,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"argon2id, 999 passes":     {"$argon2id$v=19$m=65536,t=999,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"argon2id, 999 lanes":      {"$argon2id$v=19$m=65536,t=1,p=999$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"argon2id, no passes":      {"$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"argon2id, no base64":      {"$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 41), credential.ErrOldHash},
		"argon2id, empty key":      {"$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$", credential.ErrOldHash},
		"scrypt, 1 GiB":            {"$scrypt$ln=20,r=8,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"scrypt, many times":       {"$scrypt$ln=16,r=8,p=99$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"scrypt, ln=0":             {"$scrypt$ln=0,r=8,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43), credential.ErrOldHashCost},
		"sha512crypt":              {"$6$rounds=999999999$SynthSlt$" + b86, credential.ErrOldHashCost},
		"sha256crypt, few rounds":  {"$5$rounds=0999$SynthSlt$" + b86[:43], credential.ErrOldHashCost},
		"sha512crypt, long salt":   {"$6$" + strings.Repeat("s", 17) + "$" + b86, credential.ErrOldHash},
		"phpass, 2^31 rounds":      {"$P$TSynthSlt7s8/jl0sSi5h5NLhbkGsx0", credential.ErrOldHashCost},
		"drupal7, 2^30 rounds":     {"$S$SSynthSltmECTvPDmz0ElvPqWtPXB2jWZovbRpEPv./fWb32iheM", credential.ErrOldHashCost},
		"pbkdf2, rounds":           {"$pbkdf2-sha256$999999999$AAECAwQFBgcICQoLDA0ODw$rrqIyTQX3FBO2lg8HBzFpNOPy/682dSXiLlTC3SG2HY", credential.ErrOldHashCost},
		"pbkdf2, no rounds":        {"$pbkdf2-sha256$0$AAECAwQFBgcICQoLDA0ODw$rrqIyTQX3FBO2lg8HBzFpNOPy/682dSXiLlTC3SG2HY", credential.ErrOldHashCost},
		"pbkdf2, a long key":       {"$pbkdf2$2000000$AAECAwQFBgcICQoLDA0ODw$" + strings.Repeat("A", 128), credential.ErrOldHashCost},
		"pbkdf2, no key":           {"$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$", credential.ErrOldHash},
		"pbkdf2, more behind":      {"$pbkdf2-sha256$29000$AAECAwQFBgcICQoLDA0ODw$rrqIyTQX3FBO2lg8HBzFpNOPy/682dSXiLlTC3SG2HY$x", credential.ErrOldHash},
		"Django":                   {"pbkdf2_sha256$600000000$SyntheticSalt1$LUK5RzfV4NMz4iWUVQgRxn/XTmWVDs9xhKn5BSksFxY=", credential.ErrOldHashCost},
		"Django, unusable":         {"!GkKXJzSyntheticSyntheticSyntheticSynthetic", credential.ErrOldHash},
		"ASP.NET, 4 billion":       {"AQAAAAH/////AAAAEAABAgMEBQYHCAkKCwwNDg/4Ww1fXMpJ2WYgdl4212bkqK0KWzVmyZbojwrritjv1Q==", credential.ErrOldHashCost},
		"ASP.NET, a long key":      {"AQAAAAAAHoSAAAAAEAABAgMEBQYHCAkKCwwNDg/4" + strings.Repeat("A", 128), credential.ErrOldHashCost},
		"ASP.NET, unknown digest":  {"AQAAAAkAACcQAAAAEAABAgMEBQYHCAkKCwwNDg/4Ww1fXMpJ2WYgdl4212bkqK0KWzVmyZbojwrritjv1Q==", credential.ErrOldHash},
		"ASP.NET, salt beyond end": {"AQAAAAEAACcQ/////wABAgMEBQYHCAkKCwwNDg/4Ww1fXMpJ2WYgdl4212bkqK0KWzVmyZbojwrritjv1Q==", credential.ErrOldHash},
		"SHA with a salt":          {"{SHA}/C8jchpc8Ajn7V2V2BHbJaJRn/7uEWFN", credential.ErrOldHash},
		"SSHA without":             {"{SSHA}pDCzPFhR5RjNdGp3PRSpv2lctgo=", credential.ErrOldHash},
		"sum of another length":    {"md5$Synthetic$25cfc370411d0264f58d4b8a54b06e0a6f7889e7", credential.ErrOldHash},
		"10 KiB":                   {"$6$SynthSlt$" + strings.Repeat("a", 10<<10), credential.ErrOldHash},
	}
	p := newPasswords(t, 0)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := credential.CheckOldHash(tt.hash)
			if !errors.Is(err, tt.want) {
				t.Errorf("CheckOldHash() = %v, want %v", err, tt.want)
			}
			if err != nil && len(tt.hash) > 8 && strings.Contains(err.Error(), tt.hash[len(tt.hash)-8:]) {
				t.Errorf("the error quotes the hash: %v", err)
			}
			if _, err := p.VerifyOld(t.Context(), tt.hash, eid.NewSecret(oldPassword)); !errors.Is(err, tt.want) {
				t.Errorf("VerifyOld() = %v, want %v", err, tt.want)
			}
			if got := p.Evaluations(); got != 0 {
				t.Errorf("evaluations = %d, want none", got)
			}
		})
	}
}

// TestDummyOldMatchesNothing: the hash of somebody else is evaluated for a name that
// nobody has, and its right password is none.
func TestDummyOldMatchesNothing(t *testing.T) {
	p := newPasswords(t, 0)
	hashes := oldHashes(t)
	for _, hash := range []string{"", hashes["plain md5"], hashes["bcrypt 2a crypt"], hashes["argon2id own costs"]} {
		for _, guess := range []string{oldPassword, "another"} {
			before := p.Evaluations()
			if err := p.DummyOld(t.Context(), hash, eid.NewSecret(guess)); !errors.Is(err, credential.ErrMismatch) {
				t.Errorf("DummyOld(%.12q) = %v, want %v", hash, err, credential.ErrMismatch)
			}
			if work := p.Evaluations() - before; work != 1 {
				t.Errorf("evaluations = %d, want 1", work)
			}
		}
	}
}

func FuzzCheckOldHash(f *testing.F) {
	for _, hash := range oldHashes(f) {
		f.Add(hash)
	}
	f.Fuzz(func(t *testing.T, hash string) {
		kind, err := credential.CheckOldHash(hash)
		if (kind == "") == (err == nil) {
			t.Errorf("CheckOldHash(%q) = %q, %v, want a kind or an error", hash, kind, err)
		}
	})
}
