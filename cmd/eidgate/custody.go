package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"eidgate/config"
	"eidgate/keys"
	"eidgate/keys/pkcs11"
	"eidgate/keys/transit"
	"eidgate/store/sqlstore"
)

// custodies are where keys live beside the database.
type custodies struct {
	pkcs11  *pkcs11.Token   // nil where the configuration names none
	transit *transit.Client // the same
}

// openCustodies makes what the configuration names. It calls nobody yet: a custody that
// is away does not stop the start, save where the master key waits in it.
func openCustodies(cfg *config.Config, now func() time.Time) (c custodies, err error) {
	if p := cfg.Custody.PKCS11; p.Given() {
		token, failure := pkcs11.New(pkcs11.Config{Module: p.Module, Token: p.Token, PINFile: p.PINFile, Prefix: p.Prefix, Timeout: p.Timeout}, now)
		if failure != nil {
			err = fmt.Errorf("custody.pkcs11: %w", failure)
		}
		c.pkcs11 = token
	}
	if t := cfg.Custody.Transit; t.Given() {
		client, failure := transit.New(transit.Config{
			Address: t.Address, Mount: t.Mount, Namespace: t.Namespace, TokenFile: t.TokenFile, CAFile: t.CAFile, Prefix: t.Prefix, Timeout: t.Timeout,
		})
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("custody.transit: %w", failure))
		}
		c.transit = client
	}
	return c, err
}

// list gives the custodies to the ring.
func (c custodies) list() []keys.Custody {
	var all []keys.Custody
	if c.pkcs11 != nil {
		all = append(all, c.pkcs11)
	}
	if c.transit != nil {
		all = append(all, c.transit)
	}
	return all
}

// run renews the token of the Transit engine until ctx ends.
func (c custodies) run(ctx context.Context, log *slog.Logger) error {
	if c.transit == nil {
		return nil
	}
	failing := false
	return c.transit.Run(ctx, func(err error) {
		switch {
		case err != nil && !failing:
			log.ErrorContext(ctx, "token of custody.transit not renewed", "err", err)
		case err == nil && failing:
			log.InfoContext(ctx, "token of custody.transit taken again")
		}
		failing = err != nil
	})
}

func (c custodies) close() {
	if c.pkcs11 != nil {
		c.pkcs11.Close()
	}
}

// masterKey says where the configuration has the master key.
func (c custodies) masterKey(cfg *config.Config) (keys.MasterKey, error) {
	m := keys.MasterKey{File: cfg.MasterKeyFile, Text: cfg.MasterKey.Reveal()}
	if cfg.MasterKeyTransit == "" || c.transit == nil {
		return m, nil
	}
	wrapping, err := c.transit.Wrapping(cfg.MasterKeyTransit)
	if err != nil {
		return m, fmt.Errorf("master_key_transit: %w", err)
	}
	m.Wrapping = wrapping
	return m, nil
}

// openMasterKey finds the master key of a configuration.
func openMasterKey(cfg *config.Config, now func() time.Time) (custodies, keys.MasterKey, error) {
	c, err := openCustodies(cfg, now)
	m, failure := c.masterKey(cfg)
	return c, m, errors.Join(err, failure)
}

// makeMasterKey makes a master key in the clear where the configuration leaves it to
// the gateway and nothing was sealed yet. One that was there and is lost is never made
// up for: nothing would open.
func makeMasterKey(ctx context.Context, cfg *config.Config, m keys.MasterKey, log *slog.Logger) error {
	if m.Text != "" || m.Wrapping != nil {
		return nil
	}
	if _, err := os.Lstat(m.File); err == nil {
		return nil
	}
	sealed, err := anythingSealed(ctx, databasePath(cfg))
	if err != nil {
		return err
	}
	if sealed {
		return fmt.Errorf("%w: there is no file %s, and the database at %s holds what it sealed: put the copy back that was kept apart from it", keys.ErrMasterKey, m.File, cfg.Data)
	}
	_, err = keys.LoadSealer(m.File, true, log)
	return err
}

// anythingSealed looks whether a database has rows that some master key sealed.
func anythingSealed(ctx context.Context, path string) (sealed bool, err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return false, nil //nolint:nilerr // there is no database yet
	}
	e, err := sqlstore.Examine(ctx, sqlstore.Config{Path: path})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	have, _, err := e.Schema(ctx)
	if err != nil || have == 0 {
		return false, err
	}
	rows, err := e.Sealed(ctx)
	return len(rows) > 0, err
}
