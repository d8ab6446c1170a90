package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"eidgate/eid"
	"eidgate/keys"
)

// KeyFetches keeps which parties have fetched which keys: a new key waits for parties
// that registered so.
type KeyFetches interface {
	// AwaitingParties lists the parties that keys wait for.
	AwaitingParties(ctx context.Context) ([]eid.RelyingParty, error)
	// RecordKeyFetches adds fetches; those it has already cost no write.
	RecordKeyFetches(ctx context.Context, fetches []eid.KeyFetch) error
}

const (
	// fetchBatch is how many fetches one transaction records.
	fetchBatch = 256
	// mostFetches wait to be recorded; what comes beyond is fetched again later.
	mostFetches = 16 << 10
	// fetchNoted is how long a party is believed to be on record. After it the store is
	// asked again, which may have been restored from a backup.
	fetchNoted = 5 * time.Minute
)

// keyFetches notes in memory who fetched the key set, and records it in batches. What
// it keeps is bounded by the parties that await keys: strangers leave nothing.
type keyFetches struct {
	store    KeyFetches
	awaiting atomic.Pointer[awaiting]

	mu      sync.Mutex
	etag    string               // of the set that is looked at
	kids    []string             // in that set
	noted   map[string]time.Time // by party: when its fetch of that set was noted
	waiting map[fetchedKey]time.Time
}

type fetchedKey struct{ client, kid string }

// keySet is a key set as it is served.
type keySet interface {
	JWKS() []byte
	ETag() string
}

var _ keySet = (*keys.Snapshot)(nil)

func newKeyFetches(store KeyFetches) *keyFetches {
	k := &keyFetches{store: store, noted: map[string]time.Time{}, waiting: map[fetchedKey]time.Time{}}
	k.awaiting.Store(&awaiting{})
	return k
}

// awaiting are the parties that keys wait for, found by their ids and addresses. It
// never changes.
type awaiting struct {
	ids      map[string]bool
	networks map[netip.Prefix][]string // ids
	bits     []int                     // the lengths among networks
}

func newAwaiting(parties []eid.RelyingParty) *awaiting {
	a := &awaiting{ids: map[string]bool{}, networks: map[netip.Prefix][]string{}}
	for i := range parties {
		id := parties[i].ID
		a.ids[id] = true
		for _, network := range parties[i].KeyFetchFrom {
			a.networks[network] = append(a.networks[network], id)
			if !slices.Contains(a.bits, network.Bits()) {
				a.bits = append(a.bits, network.Bits())
			}
		}
	}
	return a
}

// at lists the parties that registered a network with this address.
func (a *awaiting) at(addr netip.Addr) (ids []string) {
	for _, bits := range a.bits {
		if network, err := addr.Prefix(bits); err == nil {
			ids = append(ids, a.networks[network]...)
		}
	}
	return ids
}

// fetched notes that somebody was given a key set: the party whose own
// address was asked, else those that registered where the request comes from. A HEAD
// gives no keys; an answer that nothing changed confirms those that the party has.
func (p *Provider) fetched(c *gin.Context, set keySet) {
	a := p.keyFetches.awaiting.Load()
	if len(a.ids) == 0 || c.Request.Method != http.MethodGet {
		return
	}
	if own := c.Param("client"); own == "" {
		for _, id := range a.at(clientAddress(c)) {
			p.keyFetches.note(id, set, p.deps.Now())
		}
	} else if a.ids[own] {
		p.keyFetches.note(own, set, p.deps.Now())
	}
}

// note keeps a fetch until it is recorded.
func (k *keyFetches) note(client string, set keySet, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if etag := set.ETag(); k.etag != etag {
		k.etag, k.kids, k.noted = etag, kidsOf(set), map[string]time.Time{}
	}
	if at, ok := k.noted[client]; ok && now.Sub(at).Abs() < fetchNoted || len(k.waiting)+len(k.kids) > mostFetches {
		return
	}
	k.noted[client] = now
	for _, kid := range k.kids {
		if _, ok := k.waiting[fetchedKey{client, kid}]; !ok {
			k.waiting[fetchedKey{client, kid}] = now
		}
	}
}

// kidsOf lists the keys of a set.
func kidsOf(set keySet) []string {
	var list struct {
		Keys []struct {
			ID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(set.JWKS(), &list); err != nil {
		return nil // no set of ours: none of its keys was fetched
	}
	kids := make([]string, len(list.Keys))
	for i, key := range list.Keys {
		kids[i] = key.ID
	}
	return kids
}

// keep learns whom keys wait for and records what waits. What could not be recorded is
// tried again the next time.
func (k *keyFetches) keep(ctx context.Context) error {
	var failed error
	if parties, err := k.store.AwaitingParties(ctx); err != nil {
		failed = fmt.Errorf("reading whom keys wait for: %w", err)
	} else {
		k.awaiting.Store(newAwaiting(parties))
	}
	for {
		batch := k.batch()
		if len(batch) == 0 {
			return failed
		}
		if err := k.store.RecordKeyFetches(ctx, batch); err != nil {
			return errors.Join(failed, err)
		}
		k.recorded(batch)
	}
}

// batch takes some of what waits.
func (k *keyFetches) batch() (batch []eid.KeyFetch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for f, at := range k.waiting {
		if len(batch) == fetchBatch {
			break
		}
		batch = append(batch, eid.KeyFetch{Client: f.client, KeyID: f.kid, At: at})
	}
	return batch
}

func (k *keyFetches) recorded(batch []eid.KeyFetch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range batch {
		delete(k.waiting, fetchedKey{f.Client, f.KeyID})
	}
}
