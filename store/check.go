package store

import (
	"errors"
	"fmt"
	"time"
)

// Check refuses what the port's limits forbid; every backend calls it first. Its
// errors name the operation by its place, never by its key or value.
func Check(slot string, ops []Op) error {
	if err := checkKey("slot", slot); err != nil {
		return err
	}
	for i, op := range ops {
		err := checkOp(op)
		if err == nil && op.Slot != "" {
			err = checkKey("slot", op.Slot)
		}
		if err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
	}
	return nil
}

func checkOp(op Op) error {
	if err := checkKey("key", op.Key); err != nil {
		return err
	}
	switch op.Kind {
	case OpGet, OpTake, OpDelete:
		return nil
	case OpPutIfAbsent, OpCompareAndSet:
		if len(op.Value) > MaxValue {
			return fmt.Errorf("value of %d bytes, at most %d", len(op.Value), MaxValue)
		}
	case OpMove:
		if err := checkKey("new key", op.To); err != nil {
			return err
		}
	case OpCount, OpUncount:
		if op.Limit < 1 {
			return errors.New("limit below 1")
		}
		if op.Kind == OpUncount {
			return nil
		}
	default:
		return fmt.Errorf("unknown kind %d", op.Kind)
	}
	return checkTTL(op.TTL)
}

func checkKey(name, key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("%s of %d bytes, want 1 to %d", name, len(key), MaxKey)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl <= 0 || ttl > MaxTTL {
		return fmt.Errorf("time to live %v, want more than 0 and at most %v", ttl, MaxTTL)
	}
	return nil
}

// ReadsOnly reports whether no operation writes.
func ReadsOnly(ops []Op) bool {
	for _, op := range ops {
		if op.Kind != OpGet {
			return false
		}
	}
	return true
}
