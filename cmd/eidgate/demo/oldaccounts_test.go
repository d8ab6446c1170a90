package demo

import (
	"strings"
	"testing"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// TestOldAccounts: each opens with the one password, is of the block of made-up people
// or of nobody, and no login name is there twice at a source.
func TestOldAccounts(t *testing.T) {
	passwords, err := credential.NewPasswords(1)
	if err != nil {
		t.Fatal(err)
	}
	holders := map[string]Person{}
	for _, p := range People() {
		holders[p.Identifier.Reveal()] = p
	}
	seen, hashes := map[string]bool{}, map[string]bool{}
	for _, a := range OldAccounts() {
		if key := a.Source + " " + a.Login; seen[key] {
			t.Errorf("%s is there twice", key)
		} else {
			seen[key] = true
		}
		hashes[a.Hash] = true
		if p, known := holders[a.Number]; known != (a.Number != "") || known && (a.Name != p.Name || a.BirthDate != Written(p.BirthDate)) {
			t.Errorf("%s: %q, born %q, is not the holder of %q", a.Login, a.Name, a.BirthDate, a.Number)
		}
		if err := eid.CheckOldSubject(a.Subject); err != nil || a.Note.Vietnamese == "" || a.Note.English == "" {
			t.Errorf("%s: subject %q (%v), note %+v", a.Login, a.Subject, err, a.Note)
		}
		if a.Verified && (a.Rejected || a.Number == "") {
			t.Errorf("%s is verified for nobody", a.Login)
		}
	}
	for hash := range hashes {
		if _, err := passwords.VerifyOld(t.Context(), hash, eid.NewSecret(Password)); err != nil {
			t.Errorf("hash %.6s…: %v", hash, err)
		}
	}
	if len(hashes) != 5 {
		t.Errorf("%d kinds of hashes, want 5", len(hashes))
	}
}

func TestWriteOldAccounts(t *testing.T) {
	var file strings.Builder
	if err := WriteOldAccounts(&file, SourceOverdueAccounts); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(file.String()), "\n")
	if len(lines) != 1+len(OldAccountsOf(SourceOverdueAccounts)) || !strings.HasPrefix(lines[1], "cu.hai,001090000002,Trần Văn Mẫu,15/01/1990,") {
		t.Errorf("file = %q", lines)
	}
}
