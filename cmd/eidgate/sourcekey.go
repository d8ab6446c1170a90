package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spf13/cobra"

	"eidgate/eid"
	"eidgate/keys"
)

// newSourceKey makes `eidgate sources key`.
func newSourceKey() *cobra.Command {
	c := &cobra.Command{
		Use: "key ID", Short: "print the public keys that the gateway keeps for a source", Args: oneSource,
		Long: `key prints the public half of the keys that the gateway keeps itself for a source
(managed_keys), in PEM, with the SHA-256 to read out over the phone: of the
certificate where the source wants one, of the public key (SubjectPublicKeyInfo)
otherwise. With --kid it prints one of them and nothing beside it.

To a source that is given keys by hand, hand the key that is next over. When it
is known there, eidgate keys activate puts it in use.`,
		Example: `  eidgate sources key vneid
  eidgate sources key vneid --kid KID > vneid.pub`,
	}
	where := newBesideFlags(c)
	kid := c.Flags().String("kid", "", "print this key alone")
	asJSON := c.Flags().Bool("json", false, "print JSON")
	c.RunE = func(c *cobra.Command, words []string) error {
		return where.open(c.Context(), func(d *durable) error {
			if _, err := d.db.Source(c.Context(), words[0]); errors.Is(err, eid.ErrNotFound) {
				return noSource(words[0])
			} else if err != nil {
				return err
			}
			rows, err := sourceKeyRows(c.Context(), d.ring, words[0])
			if err != nil {
				return err
			}
			if *kid != "" {
				rows = slices.DeleteFunc(rows, func(r sourceKeyRow) bool { return r.ID != *kid })
			}
			switch {
			case len(rows) == 0 && *kid != "":
				return fmt.Errorf("the gateway keeps no key %q for %s; see eidgate sources key %[2]s", *kid, words[0])
			case len(rows) == 0:
				return fmt.Errorf("the gateway keeps no keys for %s: it has no managed_keys, or no gateway has run since it got them", words[0])
			case *asJSON:
				return printJSON(c.OutOrStdout(), rows)
			}
			for _, r := range rows {
				if *kid == "" {
					fmt.Fprintf(c.OutOrStdout(), "%s\nSHA-256 %s\n", r, r.SHA256)
				}
				fmt.Fprint(c.OutOrStdout(), r.PEM)
			}
			return nil
		})
	}
	return c
}

// sourceKeyRow is a public key of the gateway's at a source.
type sourceKeyRow struct {
	Use         string         `json:"use"` // sign or decrypt
	ID          string         `json:"kid"`
	Algorithm   keys.Algorithm `json:"alg"`
	Stands      string         `json:"stands"` // in use, next or past
	PublishedAt time.Time      `json:"published_at"`
	InUseFrom   time.Time      `json:"in_use_from,omitzero"`
	InUseUntil  time.Time      `json:"in_use_until,omitzero"`
	// NextAt is when it comes into use, gives way or goes, unless somebody decides.
	NextAt time.Time `json:"next_at,omitzero"`
	// Confirm is what an operator is waited for to type.
	Confirm string    `json:"confirm,omitempty"`
	Expires time.Time `json:"certificate_until,omitzero"`
	SHA256  string    `json:"sha256"`
	PEM     string    `json:"pem"`
}

// sourceKeyRows are the live keys that the gateway keeps for a source. A row that
// nobody with the master key wrote is an error: its key is not to be handed to anybody.
func sourceKeyRows(ctx context.Context, ring *keys.Ring, source string) ([]sourceKeyRow, error) {
	infos, err := ring.List(ctx)
	if err != nil {
		return nil, err
	}
	archive, err := ring.Archive(ctx)
	if err != nil {
		return nil, err
	}
	rows := []sourceKeyRow{}
	for _, use := range []struct {
		name    string
		purpose keys.Purpose
	}{{"sign", keys.SourceSigning(source)}, {"decrypt", keys.SourceDecryption(source)}} {
		for _, state := range []keys.State{keys.Signing, keys.Published, keys.Verifying} {
			for _, key := range archive {
				i := slices.IndexFunc(infos, func(info keys.Info) bool { return info.ID == key.ID })
				if i < 0 || key.Purpose != use.purpose || key.State != state {
					continue
				}
				row, err := newSourceKeyRow(use.name, key, infos[i])
				if err != nil {
					return nil, err
				}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func newSourceKeyRow(use string, key keys.Archived, info keys.Info) (sourceKeyRow, error) {
	if !key.Authentic {
		return sourceKeyRow{}, fmt.Errorf("the row of key %s was not written by the gateway: see eidgate doctor", key.ID)
	}
	row := sourceKeyRow{
		Use: use, ID: key.ID, Algorithm: key.Algorithm, PublishedAt: info.PublishedAt, InUseFrom: info.SigningAt, InUseUntil: info.VerifyingAt, NextAt: info.NextAt,
		Stands: map[keys.State]string{keys.Published: "next", keys.Signing: "in use", keys.Verifying: "past"}[key.State],
	}
	if key.State == keys.Published && info.Waits == keys.WaitsForOperator {
		row.Confirm = "eidgate keys activate " + key.ID
	}
	var public jose.JSONWebKey
	if err := public.UnmarshalJSON(key.Public); err != nil {
		return sourceKeyRow{}, fmt.Errorf("reading key %s: %w", key.ID, err)
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: key.Certificate}
	if len(key.Certificate) > 0 {
		cert, err := x509.ParseCertificate(key.Certificate)
		if err != nil {
			return sourceKeyRow{}, fmt.Errorf("reading certificate of %s: %w", key.ID, err)
		}
		row.Expires = cert.NotAfter.UTC()
	} else {
		der, err := x509.MarshalPKIXPublicKey(public.Key)
		if err != nil {
			return sourceKeyRow{}, fmt.Errorf("writing key %s: %w", key.ID, err)
		}
		block = &pem.Block{Type: "PUBLIC KEY", Bytes: der}
	}
	sum := sha256.Sum256(block.Bytes)
	row.SHA256, row.PEM = colons(sum[:]), string(pem.EncodeToMemory(block))
	return row, nil
}

// String is what a person reads of the key.
func (r sourceKeyRow) String() string {
	text := fmt.Sprintf("%s %s %s: %s", r.Use, r.Algorithm, r.ID, r.Stands)
	switch {
	case r.Stands == "past":
		text += ", goes " + local(r.NextAt)
	case r.Stands == "in use":
		text += " since " + local(r.InUseFrom)
	case r.Confirm != "":
		text += ", published " + local(r.PublishedAt)
		if !r.NextAt.IsZero() {
			text += ", due " + local(r.NextAt)
		}
		text += ", waits for " + r.Confirm
	case !r.NextAt.IsZero():
		text += ", in use from " + local(r.NextAt)
	}
	if !r.Expires.IsZero() {
		text += ", certificate until " + r.Expires.Format(time.DateOnly)
	}
	return text
}
