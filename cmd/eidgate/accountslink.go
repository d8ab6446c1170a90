package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
)

// linkFile is the JSON document of a link.
type linkFile struct {
	PersonalNumber  string    `json:"personal_number"`
	PassportNumber  string    `json:"passport_number"`
	PassportCountry string    `json:"passport_country"` // ISO 3166-1 alpha-3
	Source          string    `json:"source"`
	Subject         string    `json:"subject"`
	Level           eid.Level `json:"level"`
	Evidence        string    `json:"evidence"`
}

func newAccountsLink() *cobra.Command {
	c := &cobra.Command{
		Use: "link", Short: "tie what a source calls a person to an account", Args: noArgs,
		Long: `link ties a source's subject to an account at an operator's word, for test
systems and synthetic people: neither side is proved. The audit names who ran it.

The link is a JSON document; level is the most that sign-ins through it reach:

  {"personal_number": "001188000901", "source": "buu-dien", "subject": "b7d1…", "level": 1,
   "evidence": "synthetic person of a test"}

A foreigner has "passport_number" and "passport_country" in place of "personal_number".`,
	}
	path := configFlag(c)
	file := c.Flags().String("file", "", "file of the link, - for standard input (required)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *file == "" {
			return usageError{errors.New("--file: name the file of the link")}
		}
		raw, err := readSmall(*file, c.InOrStdin())
		if err != nil {
			return fmt.Errorf("--file: %w", err)
		}
		l, err := parseLink(raw)
		if err != nil {
			return fmt.Errorf("--file %s: %w", *file, err)
		}
		cfg, err := config.Load(*path, os.Environ())
		if err != nil {
			return fmt.Errorf("the configuration cannot be used:\n%w", err)
		}
		who, err := addLink(c.Context(), cfg, l)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "linked: %s at %s, level %s at most\n", who, l.Source, l.Level)
		return nil
	}
	return c
}

// parseLink reads the document. Its errors repeat no value: all is about a person.
func parseLink(raw []byte) (linkFile, error) {
	var l linkFile
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return l, errors.New("not the JSON of a link")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return l, errors.New("more than one JSON document")
	}
	return l, nil
}

// addLink makes the link, beside a gateway that may be running.
func addLink(ctx context.Context, cfg *config.Config, l linkFile) (who eid.Identifier, err error) {
	if _, who, err = identify(l.PersonalNumber, l.PassportNumber, l.PassportCountry); err != nil {
		return who, err
	}
	known := false
	for i := range cfg.Sources {
		known = known || cfg.Sources[i].ID == l.Source
	}
	if !known {
		return who, errors.New("source: the configuration has none with this id")
	}
	log := slog.New(slog.DiscardHandler)
	if err := makeDurable(ctx, cfg, log); err != nil {
		return who, err
	}
	d, err := openDurable(ctx, cfg, log, time.Now, nil)
	if err != nil {
		return who, err
	}
	defer func() { err = errors.Join(err, d.db.Close()) }()
	account, err := d.db.AccountByIdentifier(ctx, who)
	if errors.Is(err, eid.ErrNotFound) {
		return who, errors.New("no account has this number; nothing was changed")
	}
	if err != nil {
		return who, err
	}
	link := eid.Link{Account: account.ID, Source: l.Source, Cap: l.Level}
	if _, err = accounts.New(d.db, time.Now).Link(ctx, link, l.Subject, l.Evidence, "operator:"+operator()); errors.Is(err, eid.ErrExists) {
		return who, errors.New("this subject of the source is linked already; nothing was changed")
	}
	return who, err
}
