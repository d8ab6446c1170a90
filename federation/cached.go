package federation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// How long what somebody published is kept.
const (
	freshFor   = 10 * time.Minute
	usableFor  = time.Hour       // while the publisher cannot be reached
	retryAfter = 5 * time.Second // between calls to a publisher that fails
	renewEvery = time.Minute     // between calls for what was missed in the document
)

// Cached keeps one document that a provider or a relying party publishes.
// Callers that need it at the same time share one call, whose life hangs on none
// of them. It is safe for concurrent use.
type Cached[T any] struct {
	fetch func(ctx context.Context) (T, error)
	now   func() time.Time

	flight singleflight.Group
	mu     sync.Mutex
	value  T
	at     time.Time // when value was fetched; zero: never
	times  int       // how often it was
	failed time.Time
	err    error

	renewed time.Time     // when somebody last missed something
	renewal chan struct{} // closed when the fetch of then is over
}

// NewCached makes a cache that is filled by fetch when it is first asked.
func NewCached[T any](fetch func(ctx context.Context) (T, error), now func() time.Time) *Cached[T] {
	return &Cached[T]{fetch: fetch, now: now}
}

// Get returns a fresh document, or a usable one while no fresh one can be had.
func (c *Cached[T]) Get(ctx context.Context) (T, error) {
	times := c.fetches()
	value, age, ok := c.Peek()
	if ok && age < freshFor {
		return value, nil
	}
	if err := c.recentFailure(); err != nil {
		if ok && age < usableFor {
			return value, nil
		}
		var none T
		return none, err
	}
	latest, err := c.refresh(ctx, times)
	if err != nil && ok && age < usableFor && ctx.Err() == nil {
		return value, nil
	}
	return latest, err
}

// Renew fetches the document anew for somebody who misses something in it, such as
// a key: at most once a minute, and whoever misses something meanwhile waits for
// that fetch only. If it fails, what was there remains.
func (c *Cached[T]) Renew(ctx context.Context) (T, error) {
	var none T
	select {
	case <-c.renewing(ctx):
	case <-ctx.Done():
		return none, fmt.Errorf("waiting for the publisher: %w", ctx.Err())
	}
	if value, _, ok := c.Peek(); ok {
		return value, nil
	}
	return none, errors.New("nothing was published")
}

// renewing starts a fetch unless one was started within the minute, and returns
// the end of the last one.
func (c *Cached[T]) renewing(ctx context.Context) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.renewal != nil && now.Sub(c.renewed) < renewEvery {
		return c.renewal
	}
	over, times := make(chan struct{}), c.times
	c.renewal, c.renewed = over, now
	go func() {
		defer close(over)
		// The fetch has its own deadline and leaves its result in the cache.
		_, _ = c.refresh(context.WithoutCancel(ctx), times)
	}()
	return over
}

// Warm fetches the document unless a fresh one is there. Its failure is nobody's:
// who needs the document tries at once.
func (c *Cached[T]) Warm(ctx context.Context) error {
	times := c.fetches()
	if _, age, ok := c.Peek(); ok && age < freshFor {
		return nil
	}
	_, err := c.refresh(ctx, times)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed, c.err = time.Time{}, nil
	}
	return err
}

// refresh fetches the document anew, or joins who is fetching it. Who comes when
// that just ended, having looked before it did, takes its result: times is how
// many fetches there were then.
func (c *Cached[T]) refresh(ctx context.Context, times int) (T, error) {
	call := c.flight.DoChan("", func() (any, error) {
		if c.fetches() != times {
			latest, _, _ := c.Peek()
			return latest, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), CallTimeout)
		defer cancel()
		value, err := c.guarded(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.failed, c.err = c.now(), err
			return nil, err
		}
		c.value, c.at, c.err = value, c.now(), nil
		c.times++
		return value, nil
	})
	var none T
	select {
	case <-ctx.Done():
		return none, fmt.Errorf("waiting for the publisher: %w", ctx.Err())
	case done := <-call:
		if done.Err != nil {
			return none, done.Err
		}
		return done.Val.(T), nil
	}
}

// guarded turns a panic over a hostile document into an error: it would end the
// process, since no server stands above this goroutine.
func (c *Cached[T]) guarded(ctx context.Context) (value T, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("reading a published document: panic")
		}
	}()
	return c.fetch(ctx)
}

// Peek returns what is there, with its age and without a call.
func (c *Cached[T]) Peek() (value T, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age = c.now().Sub(c.at)
	return c.value, age, !c.at.IsZero() && age >= 0
}

func (c *Cached[T]) fetches() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times
}

func (c *Cached[T]) recentFailure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := c.now().Sub(c.failed); c.err == nil || age < 0 || age >= retryAfter {
		return nil
	}
	return c.err
}

// FetchJSON reads a JSON document of at most MaxBody bytes.
func FetchJSON(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	return Fetch(ctx, client, url, "application/json")
}

// Fetch reads a document of at most MaxBody bytes, in one of these media types.
func Fetch(ctx context.Context, client *http.Client, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, errors.New("answer too large")
	}
	return body, nil
}
