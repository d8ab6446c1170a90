package config

import (
	"fmt"
	"slices"
	"strings"

	"eidgate/eid"
)

// documentScopes are the scopes of documents, one for each kind.
func documentScopes() []string {
	var list []string
	for _, kind := range eid.DocumentKinds() {
		list = append(list, kind.Claim())
	}
	return list
}

// DocumentNotes tell, for each client that may ask for documents, which ones, and what a
// request has to ask so that people are able to share them.
func (c *Config) DocumentNotes() []string {
	var notes []string
	for i := range c.Clients {
		cl := &c.Clients[i]
		asks := slices.DeleteFunc(slices.Clone(cl.Scopes), func(s string) bool { return !slices.Contains(documentScopes(), s) })
		if len(asks) == 0 {
			continue
		}
		note := fmt.Sprintf("client %s: may ask for %s, each with the holder's consent", cl.ID, strings.Join(asks, ", "))
		if cl.MinLevel < eid.Level2 {
			note += "; documents come with level 2 only: a request that wants them asks for it"
		}
		notes = append(notes, note)
	}
	return notes
}
