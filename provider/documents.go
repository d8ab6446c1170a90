package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/web"
)

// Documents reads the papers whose originals an officer compared (Decision 34/2021,
// Art. 8).
type Documents interface {
	// Documents gives those of an account that were not ended, expired ones among them.
	Documents(ctx context.Context, account eid.AccountID) ([]eid.Document, error)
}

// documentKind is the kind whose scope and claim have a name, empty for all others.
func documentKind(name string) eid.DocumentKind {
	for _, kind := range eid.DocumentKinds() {
		if kind.Claim() == name {
			return kind
		}
	}
	return ""
}

// documentScopes are the scopes of all kinds.
func documentScopes() []string {
	var list []string
	for _, kind := range eid.DocumentKinds() {
		list = append(list, kind.Claim())
	}
	return list
}

// documentValue is a document as parties get it.
type documentValue struct {
	Number     string `json:"number"`
	Issuer     string `json:"issuer"`
	VerifiedAt string `json:"verified_at"`          // RFC 3339
	ExpiresOn  string `json:"expires_on,omitempty"` // 2006-01-02, as birthdate is
}

func valueOf(d eid.Document) documentValue {
	return documentValue{
		Number: d.Number.Reveal(), Issuer: d.Issuer, ExpiresOn: d.ExpiresOn,
		VerifiedAt: d.VerifiedAt.UTC().Format(time.RFC3339),
	}
}

// wantedDocuments are the kinds among claims.
func wantedDocuments(claims []string) []eid.DocumentKind {
	var kinds []eid.DocumentKind
	for _, claim := range claims {
		if kind := documentKind(claim); kind != "" && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// documents finds those of an account that are of some kinds and still count. Where
// there is nothing to look for nobody is asked.
func (p *Provider) documents(ctx context.Context, a *eid.Account, kinds []eid.DocumentKind) ([]eid.Document, error) {
	if len(kinds) == 0 || a.Unverified() {
		return nil, nil
	}
	all, err := p.deps.Documents.Documents(ctx, a.ID)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		return nil, fmt.Errorf("reading documents: %w", err)
	}
	now := p.deps.Now()
	return slices.DeleteFunc(all, func(d eid.Document) bool { return !slices.Contains(kinds, d.Kind) || !d.Valid(now) }), nil
}

// claimsOfDocuments names what documents are released as, in order.
func claimsOfDocuments(list []eid.Document) []string {
	var names []string
	for _, d := range list {
		names = append(names, d.Kind.Claim())
	}
	slices.Sort(names)
	return names
}

// documentRows are what the consent page asks of each document. A form that is shown
// again keeps what was ticked on it.
func documentRows(list []eid.Document, names, ticked []string) []web.ConsentDocument {
	var rows []web.ConsentDocument
	for _, d := range list {
		name := d.Kind.Claim()
		if !slices.Contains(names, name) {
			continue
		}
		expires, _ := time.Parse(time.DateOnly, d.ExpiresOn) // one that does not end has none
		rows = append(rows, web.ConsentDocument{
			Name: name, Number: maskDocument(d.Number.Reveal()), Issuer: d.Issuer, VerifiedAt: d.VerifiedAt, ExpiresOn: expires,
			Ticked: slices.Contains(ticked, name),
		})
	}
	return rows
}

// maskDocument shows the last three characters of a number that is long enough to stay
// unknown.
func maskDocument(number string) string {
	if text := []rune(number); len(text) >= 6 {
		return "••• " + string(text[len(text)-3:])
	}
	return "•••"
}

// withoutDocuments leaves out the scopes of documents that are not shared: what was not granted
// is not called granted (RFC 6749 §3.3).
func withoutDocuments(scopes []string, shared []eid.DocumentKind) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(s string) bool {
		kind := documentKind(s)
		return kind != "" && !slices.Contains(shared, kind)
	})
}
