package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"eidgate/federation/saml"
)

const maxKeypairYears = 30

// newSourceKeypair makes `eidgate sources keypair`.
func newSourceKeypair() *cobra.Command {
	c := &cobra.Command{
		Use: "keypair", Short: "make a key for a SAML source", Args: noArgs,
		Long: `keypair writes a new RSA key of 3072 bits and a self-signed certificate for it to
one PEM file, for key_files of a SAML source. The provider learns the
certificate from the gateway's metadata for that source.

To change the key: add a new file as the last of key_files, wait until the
provider has read the metadata again, put it first, and remove the old one when
nothing is encrypted for it any more. With managed_keys the gateway does all that itself.`,
	}
	out := c.Flags().String("out", "", "file to write; it must not exist (required)")
	name := c.Flags().String("name", "eidgate", "common name of the certificate")
	years := c.Flags().Int("years", 10, "years until the certificate expires")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case *out == "":
			return usageError{errors.New("--out: name the file to write")}
		case strings.TrimSpace(*name) == "" || len(*name) > 64: // ub-common-name of RFC 5280
			return usageError{errors.New("--name: want 1 to 64 characters")}
		case *years < 1 || *years > maxKeypairYears:
			return usageError{fmt.Errorf("--years: want 1 to %d", maxKeypairYears)}
		}
		now := time.Now()
		pair, fingerprint, err := saml.NewKeyPair(*name, now, now.AddDate(*years, 0, 0).Sub(now))
		if err != nil {
			return err
		}
		if err := writeNew(*out, string(pair)); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "wrote %s; certificate valid until %s, SHA-256 %s\n", *out,
			now.AddDate(*years, 0, 0).Format(time.DateOnly), colons(fingerprint[:]))
		fmt.Fprintf(c.OutOrStdout(), "next: name it in key_files of the source; keep it readable by the gateway alone\n")
		return nil
	}
	return c
}

// colons writes bytes as operators compare fingerprints.
func colons(raw []byte) string {
	parts := make([]string, len(raw))
	for i, b := range raw {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}
