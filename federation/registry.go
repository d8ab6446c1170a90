package federation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"eidgate/eid"
)

// Policies reads the registered sources.
type Policies interface {
	Sources(ctx context.Context) ([]eid.Source, error)
}

// Redirector is a Source that sends browsers to pages of its own.
type Redirector interface {
	// Origins are where these pages are, such as https://id.example.vn.
	Origins() []string
}

// Warmer is a Source that has to fetch what its provider publishes before it can
// name all its Origins.
type Warmer interface {
	// Warm fetches it, unless it is there and fresh.
	Warm(ctx context.Context) error
}

// Registry pairs the registered sources with the code that speaks their
// protocols. It reads the registrations at every use, so a change is in force at
// once, and keeps what it built until the registration changes. Sources that it
// calls have so many places each and are left alone while they fail.
type Registry struct {
	policies Policies
	build    func(src eid.Source) (Source, error)
	calls    int

	mu    sync.Mutex
	built map[string]built
}

type built struct {
	registration [sha256.Size]byte
	source       Source
}

// NewRegistry makes a registry; build makes the code for a source by its kind.
// calls is how many sign-ins may be with one source at a time, DefaultCalls where
// it is zero.
func NewRegistry(policies Policies, build func(src eid.Source) (Source, error), calls int) *Registry {
	if calls < 1 {
		calls = DefaultCalls
	}
	return &Registry{policies: policies, build: build, calls: calls, built: map[string]built{}}
}

// Policies lists the registered sources.
func (r *Registry) Policies(ctx context.Context) ([]eid.Source, error) {
	return r.policies.Sources(ctx)
}

// Open gives the code that speaks to a source.
func (r *Registry) Open(_ context.Context, src eid.Source) (Source, error) {
	raw, err := json.Marshal(src)
	if err != nil {
		return nil, fmt.Errorf("reading source %s: %w", src.ID, err)
	}
	registration := sha256.Sum256(raw)
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok := r.built[src.ID]; ok && b.registration == registration {
		return b.source, nil
	}
	source, err := r.build(src)
	if err != nil {
		return nil, fmt.Errorf("building source %s: %w", src.ID, err)
	}
	if src.Kind != KindAccount && src.Kind != KindPortal { // they call nobody
		source = newGuarded(src.ID, source, r.calls)
	}
	r.built[src.ID] = built{registration, source}
	return source, nil
}

// Warm keeps at hand what sources publish. A browser follows a form to the pages
// only that the form's page named, and nobody should wait for a document that could
// have been there. A source that fails is left for the next time.
func (r *Registry) Warm(ctx context.Context) {
	sources, err := r.policies.Sources(ctx)
	if err != nil {
		return // told by whoever signs in
	}
	var all sync.WaitGroup
	defer all.Wait()
	for _, src := range sources {
		source, err := r.Open(ctx, src)
		if err != nil {
			continue
		}
		if warmer, ok := As[Warmer](source); ok {
			all.Go(func() {
				limited, cancel := context.WithTimeout(ctx, CallTimeout)
				defer cancel()
				_ = warmer.Warm(limited) // its sign-ins tell
			})
		}
	}
}

// Health tells how the sources do that were opened, by their ids.
func (r *Registry) Health() map[string]Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]Health{}
	for id, b := range r.built {
		if g, ok := b.source.(*guarded); ok {
			all[id] = g.health()
		}
	}
	return all
}

// Resting lists the sources that failed and are left alone for the moment.
func (r *Registry) Resting() []string {
	var ids []string
	for id, h := range r.Health() {
		if h.Resting {
			ids = append(ids, id)
		}
	}
	return ids
}

// Origins lists where sign-ins at these sources lead browsers to. Sources that
// cannot be opened are left out: choosing one shows why.
func (r *Registry) Origins(ctx context.Context, ids []string) []string {
	sources, err := r.policies.Sources(ctx)
	if err != nil {
		return nil
	}
	var origins []string
	for _, src := range sources {
		if !slices.Contains(ids, src.ID) {
			continue
		}
		if source, err := r.Open(ctx, src); err == nil {
			if redirector, ok := As[Redirector](source); ok {
				origins = append(origins, redirector.Origins()...)
			}
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins)
}
