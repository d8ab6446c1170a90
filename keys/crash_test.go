package keys

import (
	"context"
	"errors"
	"testing"
	"time"
)

// crashing is a store under which a process dies at one step of a write.
type crashing struct {
	Store
	at string // before, within or after the transaction; empty: it does not
}

var errCrash = errors.New("crash")

func (s *crashing) UpdateKeys(ctx context.Context, change func([]Record) (Update, error)) error {
	switch s.at {
	case "before":
		return errCrash
	case "within":
		return s.Store.UpdateKeys(ctx, func(current []Record) (Update, error) {
			if _, err := change(current); err != nil {
				return Update{}, err
			}
			return Update{}, errCrash
		})
	case "after":
		return errors.Join(s.Store.UpdateKeys(ctx, change), errCrash)
	}
	return s.Store.UpdateKeys(ctx, change)
}

// A process that dies at any step of any change leaves what the next one goes on from:
// one key that signs, one that stands by, none in a custody that nobody knows of but
// those whose row was never written.
func TestCrashes(t *testing.T) {
	for _, at := range []string{"generate", "before", "within", "after", "destroy"} {
		for _, step := range []string{"start", "rotation", "retirement", "revocation", "activation"} {
			t.Run(step+" "+at, func(t *testing.T) {
				cfg, store, box, c, v := inCustody(t, ES256)
				if step != "start" {
					r, _ := custodyRing(t, cfg, store, box, c, v)
					load(t, r)
				}
				switch step {
				case "rotation":
					c.advance(24 * time.Hour)
				case "retirement":
					c.advance(24 * time.Hour)
					r, _ := custodyRing(t, cfg, store, box, c, v)
					load(t, r)
					c.advance(cfg.verifyAge())
				}
				dying := &crashing{Store: store, at: at}
				failing := &halfway{Custody: v}
				switch at {
				case "generate":
					failing.generate = errCrash
				case "destroy":
					failing.destroy = errCrash
				}
				r, _ := custodyRing(t, cfg, dying, box, c, failing)
				_ = r.Load(t.Context())
				switch signing := r.Snapshot().signingID(Line{Tokens, ES256}); {
				case step == "revocation" && signing != "":
					_, _ = r.Revoke(t.Context(), signing, "operator:synthetic", "test")
				case step == "activation" && signing != "":
					_, _ = r.Activate(t.Context(), Tokens, ES256, "operator:synthetic", "test", true)
				}

				again, _ := custodyRing(t, cfg, store, box, c, v)
				load(t, again)
				pass(t, again)
				if signing, standby := store.in(ES256, Signing), store.in(ES256, Published); len(signing) != 1 || len(standby) != 1 {
					t.Errorf("%d keys sign and %d stand by, want 1 and 1", len(signing), len(standby))
				}
				token := sign(t, again.Snapshot(), ES256)
				if _, err := again.Snapshot().Verify(Tokens, token, "JWT"); err != nil {
					t.Errorf("Verify() = %v, want nil", err)
				}
				live := len(store.records) - len(store.in(ES256, Retired))
				// "before" and "within" lose at most the two that were made for the write.
				if extra := v.count() - live; extra < 0 || extra > 2 || at == "destroy" && extra != 0 {
					t.Errorf("%d keys in the vault for %d in the store", v.count(), live)
				}
				if len(store.revoked) > 1 || step != "revocation" && len(store.revoked) != 0 {
					t.Errorf("parties are told of %d keys", len(store.revoked))
				}
			})
		}
	}
}
