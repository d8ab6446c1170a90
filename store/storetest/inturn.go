package storetest

import (
	"context"
	"sync/atomic"

	"eidgate/store"
)

// InTurn gives each call to the next of several stores, as a balancer does with
// the replicas behind it.
func InTurn(stores ...store.State) store.State { return &inTurn{stores: stores} }

type inTurn struct {
	stores []store.State
	calls  atomic.Uint64
}

// Apply implements store.State.
func (s *inTurn) Apply(ctx context.Context, slot string, ops ...store.Op) ([]store.Result, error) {
	return s.stores[s.calls.Add(1)%uint64(len(s.stores))].Apply(ctx, slot, ops...)
}
