package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"eidgate/keys"
)

// keyShown is all there is to say of a key. Nothing of it is private.
type keyShown struct {
	keyRow
	// Authentic tells that somebody who has the master key wrote the row.
	Authentic bool            `json:"authentic"`
	Public    json.RawMessage `json:"jwk"` // RFC 7517
	// Certificate is there where the line of the key has one.
	Certificate *keyCertificate `json:"certificate,omitempty"`
	Fetches     []keyFetch      `json:"fetches"` // by clients that await keys
}

// keyCertificate is the certificate of a key.
type keyCertificate struct {
	Subject   string    `json:"subject"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SHA256    string    `json:"sha256"` // of the DER, in hex
	PEM       string    `json:"pem"`
}

func newKeysShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show KID", Short: "show one key: dates, who has not fetched it, public key, certificate", Args: oneArg("KID"),
		Long: `show tells everything of one key that is not private. KID may be the beginning of a
kid. It only reads.`,
		Example: `  eidgate keys show KID
  eidgate keys show KID --output json`,
	}
	where, out := newBesideFlags(c), outputFlag(c)
	completeKeys(c, where, func(*keyRow) bool { return true })
	c.RunE = func(c *cobra.Command, words []string) error {
		return where.open(c.Context(), func(d *durable) error {
			rows, err := keyRows(c.Context(), d)
			if err != nil {
				return err
			}
			row, err := findKey(rows, words[0])
			if err != nil {
				return err
			}
			shown, err := showKey(c.Context(), d, row)
			if err != nil {
				return err
			}
			return out.print(c.OutOrStdout(), shown, func(w io.Writer) { shown.print(w, time.Now()) })
		})
	}
	return c
}

func showKey(ctx context.Context, d *durable, row *keyRow) (*keyShown, error) {
	shown := &keyShown{keyRow: *row}
	archive, err := d.ring.Archive(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(archive, func(a keys.Archived) bool { return a.ID == row.ID }); i >= 0 {
		shown.Authentic, shown.Public = archive[i].Authentic, archive[i].Public
		if der := archive[i].Certificate; len(der) > 0 {
			if shown.Certificate, err = newKeyCertificate(der); err != nil {
				return nil, err
			}
		}
	}
	shown.Fetches, err = keyFetches(ctx, d, []keyRow{*row}, "")
	return shown, err
}

func newKeyCertificate(der []byte) (*keyCertificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return &keyCertificate{
		Subject: cert.Subject.String(), NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), SHA256: hex.EncodeToString(sum[:]),
		PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	}, nil
}

func (k *keyShown) print(w io.Writer, now time.Time) {
	row := func(name, format string, values ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", values...) }
	row("key", "%s", k.ID)
	row("for", "%s, %s", k.Purpose, k.Algorithm)
	row("state", "%s", k.State)
	row("lives in", "%s", k.Custody)
	row("published", "%s", local(k.PublishedAt))
	for _, step := range []struct {
		name string
		at   time.Time
	}{{"every cache has it", k.ReadyAt}, {"signs from", k.SignedFrom}, {"signs until", k.SignedUntil}, {"retired", k.RetiredAt}, {"revoked", k.RevokedAt}} {
		if !step.at.IsZero() {
			row(step.name, "%s", local(step.at))
		}
	}
	if k.Next != "" {
		row("next", "%s at %s", k.Next, local(k.NextAt))
	}
	if waiting := k.waiting(now); waiting != "" {
		row("waits", "%s", waiting)
	}
	for _, f := range k.Fetches {
		row("client "+printable(f.Client), "%s", f.when())
	}
	if !k.Authentic {
		row("NOT AUTHENTIC", "nobody with the master key wrote this row; a version before this kept no proof of retired keys")
	}
	if c := k.Certificate; c != nil {
		row("certificate", "%s, until %s", printable(c.Subject), local(c.NotAfter))
		row("its SHA-256", "%s", c.SHA256)
	}
	row("public key", "%s", k.Public)
	if k.Certificate != nil {
		fmt.Fprint(w, k.Certificate.PEM)
	}
}
