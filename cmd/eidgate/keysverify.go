package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/keys"
)

// tokenVerdict is what verify found.
type tokenVerdict struct {
	Good bool   `json:"good"`
	Why  string `json:"why,omitempty"` // what speaks against it
	// Archive is the SHA-256 of the archive that was asked, in hex; left out where it
	// was the database.
	Archive string `json:"archive_sha256,omitempty"`
	// What follows is left out where no key on record signed it.
	Type     string        `json:"typ,omitempty"`
	IssuedAt time.Time     `json:"issued_at,omitzero"`
	Key      *keyOfVerdict `json:"key,omitempty"`
}

// keyOfVerdict is the key that signed a token.
type keyOfVerdict struct {
	ID          string         `json:"kid"`
	Purpose     keys.Purpose   `json:"purpose"`
	Algorithm   keys.Algorithm `json:"alg"`
	State       keys.State     `json:"state"`
	Authentic   bool           `json:"authentic"` // its row was written with the master key
	PublishedAt time.Time      `json:"published_at,omitzero"`
	SignedFrom  time.Time      `json:"signed_from,omitzero"`
	SignedUntil time.Time      `json:"signed_until,omitzero"`
	RetiredAt   time.Time      `json:"retired_at,omitzero"`
	RevokedAt   time.Time      `json:"revoked_at,omitzero"`
}

func newKeysVerify() *cobra.Command {
	c := &cobra.Command{
		Use: "verify [FILE]", Short: "say whether a key of this gateway signed a token, even long ago", Args: cobraAtMostOne,
		Long: `verify reads a signed token (a compact JWS, such as an ID token or a logout token) from
a file or from standard input, and says which key signed it, when that key signed,
whether the token was issued within that time, and whether the key was revoked. Whether
the token has expired does not matter. Give the token as no argument: others see those.

With --archive it asks a file that eidgate keys archive wrote, and needs neither the
gateway nor its data. Compare the SHA-256 that both print.

The exit code is 0 for a token that can be believed, and 1 for one that cannot.`,
		Example: `  eidgate keys verify token.txt
  eidgate keys verify --archive keys.json < token.txt`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	file := c.Flags().String("archive", "", "file of eidgate keys archive, instead of the database")
	c.RunE = func(c *cobra.Command, words []string) error {
		token, err := readToken(words, c.InOrStdin())
		if err != nil {
			return err
		}
		var v *tokenVerdict
		if *file != "" {
			archive, sum, err := readArchive(*file)
			if err != nil {
				return err
			}
			v = judge(archive, token)
			v.Archive = sum
		} else if err := where.open(c.Context(), func(d *durable) error {
			archive, err := d.ring.Archive(c.Context())
			v = judge(archive, token)
			return err
		}); err != nil {
			return err
		}
		if err := out.print(c.OutOrStdout(), v, v.print); err != nil {
			return err
		}
		if !v.Good {
			return fmt.Errorf("not to be believed: %s", v.Why)
		}
		return nil
	}
	return c
}

// readToken reads the token to verify. It never repeats what it read.
func readToken(words []string, stdin io.Reader) (string, error) {
	name := "-"
	if len(words) == 1 {
		name = words[0]
	}
	if strings.Count(name, ".") >= 2 && strings.HasPrefix(name, "ey") {
		return "", usageError{errors.New("this looks like a token: others see arguments; give it in a file or on standard input")}
	}
	raw, err := readSmall(name, stdin)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(raw))
	if token == "" {
		return "", usageError{errors.New("there is no token: give it in a file or on standard input")}
	}
	return token, nil
}

// judge asks an archive about a token.
func judge(archive keys.Archive, token string) *tokenVerdict {
	v, err := archive.Verify(token)
	if err != nil {
		return &tokenVerdict{Why: "no key on record signed it"}
	}
	k := v.Key
	why := v.Why(keys.DefaultConfig().Skew)
	return &tokenVerdict{
		Good: why == "", Why: why, Type: v.Type, IssuedAt: v.IssuedAt,
		Key: &keyOfVerdict{
			ID: k.ID, Purpose: k.Purpose, Algorithm: k.Algorithm, State: k.State, Authentic: k.Authentic, PublishedAt: k.PublishedAt,
			SignedFrom: k.SignedFrom, SignedUntil: k.SignedUntil, RetiredAt: k.RetiredAt, RevokedAt: k.RevokedAt,
		},
	}
}

func (v *tokenVerdict) print(w io.Writer) {
	row := func(name, format string, values ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", values...) }
	if v.Good {
		row("verdict", "good: signed by a key of this gateway, while it signed")
	} else {
		row("verdict", "NOT TO BE BELIEVED: %s", v.Why)
	}
	if v.Archive != "" {
		row("archive", "SHA-256 %s", v.Archive)
	}
	k := v.Key
	if k == nil {
		return
	}
	until := "now"
	if !k.SignedUntil.IsZero() {
		until = local(k.SignedUntil)
	}
	row("type", "%s", printable(v.Type))
	row("issued", "%s", local(v.IssuedAt))
	row("key", "%s", printable(k.ID))
	row("for", "%s, %s", printable(string(k.Purpose)), k.Algorithm)
	row("signed", "%s to %s", local(k.SignedFrom), until)
	if !k.RetiredAt.IsZero() {
		row("retired", "%s", local(k.RetiredAt))
	}
	revoked := "no"
	if !k.RevokedAt.IsZero() {
		revoked = local(k.RevokedAt)
	}
	row("revoked", "%s", revoked)
	row("row authentic", "%s", yes(k.Authentic))
}

func newKeysArchive() *cobra.Command {
	c := &cobra.Command{
		Use: "archive", Short: "write every public key there ever was, to verify tokens elsewhere", Args: noArgs,
		Long: `archive writes every key that was ever public, with its dates, as JSON: what
eidgate keys verify --archive reads where there is no gateway. Nothing of it is
private. Keep the SHA-256 that it prints apart from the file: it shows that nobody
changed it.`,
		Example: `  eidgate keys archive --out keys.json`,
	}
	where := newBesideFlags(c)
	file := c.Flags().String("out", "", "file to write, which is not there yet; else standard output")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return where.open(c.Context(), func(d *durable) error {
			archive, err := d.ring.Archive(c.Context())
			if err != nil {
				return err
			}
			if *file == "" {
				return printJSON(c.OutOrStdout(), archive)
			}
			var text strings.Builder
			if err := printJSON(&text, archive); err != nil {
				return err
			}
			if err := writeNew(*file, text.String()); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "written: %s, %d keys, SHA-256 %s\n", *file, len(archive), sumOf(text.String()))
			return nil
		})
	}
	return c
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// maxArchive bounds an archive to read, in bytes: some ten thousand keys.
const maxArchive = 16 << 20

// readArchive reads what keys archive wrote.
func readArchive(name string) (keys.Archive, string, error) {
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, "", fmt.Errorf("reading the archive: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxArchive+1))
	if err != nil {
		return nil, "", fmt.Errorf("reading the archive: %w", err)
	}
	var archive keys.Archive
	if err := json.Unmarshal(text, &archive); err != nil || len(text) > maxArchive {
		return nil, "", fmt.Errorf("%s is no archive of eidgate keys archive", name)
	}
	return archive, sumOf(string(text)), nil
}
