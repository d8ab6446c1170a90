package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"eidgate/eid/audit"
	"eidgate/keys"
	"eidgate/store/sqlstore"
)

// checkpointSigner signs checkpoints of the audit with the keys of that purpose.
type checkpointSigner struct{ ring *keys.Ring }

var _ audit.Signer = checkpointSigner{}

// Sign fills audit.Signer.
func (s checkpointSigner) Sign(payload []byte) (string, error) {
	return s.ring.Snapshot().Sign(keys.Checkpoints, keys.ES256, audit.Typ, payload)
}

// checkpointKeys are the keys that ever signed checkpoints, as far as their rows are
// the gateway's own.
func checkpointKeys(ctx context.Context, ring *keys.Ring) ([]audit.PublicKey, error) {
	archive, err := ring.Archive(ctx)
	if err != nil {
		return nil, err
	}
	var list []audit.PublicKey
	for _, k := range archive {
		if k.Purpose == keys.Checkpoints && k.Authentic {
			list = append(list, audit.PublicKey{JWK: k.Public, From: k.SignedFrom, Until: k.SignedUntil, Revoked: k.RevokedAt})
		}
	}
	return list, nil
}

// evidence is the audit of a gateway or of a backup, to look at.
type evidence struct {
	*sqlstore.Evidence
	keys []audit.PublicKey
}

// look opens the data for reading alone: it writes nothing, not even a key.
func (f *besideFlags) look(ctx context.Context, use func(evidence) error) (err error) {
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	held, master, err := openMasterKey(cfg, time.Now)
	if err != nil {
		return err
	}
	defer held.close()
	sealer, err := master.Load(ctx)
	if err != nil {
		return fmt.Errorf("loading the master key: %w", err)
	}
	x, err := sqlstore.Examine(ctx, sqlstore.Config{Path: databasePath(cfg)})
	if err != nil {
		return fmt.Errorf("there is no gateway's data at %s: %w", cfg.Data, err)
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	e := evidence{}
	if e.Evidence, err = x.Evidence(ctx, sealer); err != nil {
		return err
	}
	ring, err := keys.New(keysConfig(cfg), keys.Deps{Store: x, Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler), Custodies: held.list()})
	if err == nil {
		e.keys, err = checkpointKeys(ctx, ring)
	}
	if err != nil {
		return fmt.Errorf("reading the keys of the checkpoints: %w", err)
	}
	return use(e)
}
