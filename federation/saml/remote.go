package saml

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"eidgate/federation"
)

// directory finds the provider's metadata: those of the settings, or those that
// lie at an address, fetched anew as federation.Cached does.
type directory struct {
	fixed  *provider
	remote *federation.Cached[provider]
	now    func() time.Time
}

// newDirectory checks metadata that are given, and calls nobody.
func newDirectory(settings Settings, d Deps) (*directory, error) {
	dir := &directory{now: d.Now}
	if settings.Metadata != "" {
		fixed, err := readMetadata([]byte(settings.Metadata), settings.Issuer, settings.MetadataCert, d.Now())
		if err != nil {
			return nil, err
		}
		dir.fixed = &fixed
		return dir, nil
	}
	dir.remote = federation.NewCached(func(ctx context.Context) (provider, error) {
		body, err := federation.Fetch(ctx, d.HTTP, settings.MetadataURL, "application/samlmetadata+xml, application/xml;q=0.9, */*;q=0.1")
		if err != nil {
			return provider{}, fmt.Errorf("fetching metadata: %w", err)
		}
		return readMetadata(body, settings.Issuer, settings.MetadataCert, d.Now())
	}, d.Now)
	return dir, nil
}

// get gives metadata that are valid now. The error is federation.ErrDown.
func (d *directory) get(ctx context.Context) (provider, error) {
	if d.fixed != nil {
		if !d.fixed.valid(d.now()) {
			return provider{}, down(errors.New("the metadata in the settings are not valid any more"))
		}
		return *d.fixed, nil
	}
	p, err := d.remote.Get(ctx)
	if err != nil {
		return provider{}, down(err)
	}
	if _, age, _ := d.remote.Peek(); !p.valid(d.now()) || p.cacheFor > 0 && age >= p.cacheFor {
		if p, err = d.remote.Renew(ctx); err != nil {
			return provider{}, down(err)
		}
	}
	if !p.valid(d.now()) {
		return provider{}, down(errors.New("metadata are not valid any more"))
	}
	return p, nil
}

// check hands the provider's certificates to a verification. If the signature is
// of none of them, the provider may have changed its keys: the metadata are
// fetched anew, at most once a minute, and it runs again where they changed.
func (d *directory) check(ctx context.Context, verify func(trusted []*x509.Certificate) error) error {
	p, err := d.get(ctx)
	if err != nil {
		return err
	}
	if err = verify(p.signing); !errors.Is(err, errForeign) || d.remote == nil {
		return err
	}
	renewed, failed := d.remote.Renew(ctx)
	if failed != nil || same(renewed.signing, p.signing) || !renewed.valid(d.now()) {
		return err
	}
	return verify(renewed.signing)
}

func same(a, b []*x509.Certificate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

// peek gives what is known without a call.
func (d *directory) peek() (provider, bool) {
	if d.fixed != nil {
		return *d.fixed, true
	}
	p, _, ok := d.remote.Peek()
	return p, ok
}

// down says that it was the provider that failed.
func down(err error) error { return fmt.Errorf("%w: %w", federation.ErrDown, err) }
