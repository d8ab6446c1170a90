package statestore

import (
	"errors"
	"fmt"
	"time"

	"eidgate/store"
)

// check refuses what the port's limits forbid. Its errors name the operation by
// its place, never by its key or value.
func check(slot string, ops []store.Op) error {
	if err := checkKey("slot", slot); err != nil {
		return err
	}
	for i, op := range ops {
		if err := checkOp(op); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func checkOp(op store.Op) error {
	if err := checkKey("key", op.Key); err != nil {
		return err
	}
	switch op.Kind {
	case store.OpGet, store.OpTake, store.OpDelete:
		return nil
	case store.OpPutIfAbsent, store.OpCompareAndSet:
		if len(op.Value) > store.MaxValue {
			return fmt.Errorf("value of %d bytes, at most %d", len(op.Value), store.MaxValue)
		}
	case store.OpMove:
		if err := checkKey("new key", op.To); err != nil {
			return err
		}
	case store.OpCount, store.OpUncount:
		if op.Limit < 1 {
			return errors.New("limit below 1")
		}
		if op.Kind == store.OpUncount {
			return nil
		}
	default:
		return fmt.Errorf("unknown kind %d", op.Kind)
	}
	return checkTTL(op.TTL)
}

func checkKey(name, key string) error {
	if key == "" || len(key) > store.MaxKey {
		return fmt.Errorf("%s of %d bytes, want 1 to %d", name, len(key), store.MaxKey)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl <= 0 || ttl > store.MaxTTL {
		return fmt.Errorf("time to live %v, want more than 0 and at most %v", ttl, store.MaxTTL)
	}
	return nil
}

// readsOnly reports whether no operation writes.
func readsOnly(ops []store.Op) bool {
	for _, op := range ops {
		if op.Kind != store.OpGet {
			return false
		}
	}
	return true
}
