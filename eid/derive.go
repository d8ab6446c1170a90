package eid

import "time"

// longestLevel2Proof is the longest that a proof may carry Level2 by any
// configuration.
const longestLevel2Proof = 30 * time.Minute

// Derive says, from what is on record of a grant alone, why it should not have
// been given; nothing where all of it follows. v are the canonical values of acr.
//
// What the terms were taken from (registrations, links, accounts) may have changed
// since: the record is of that day. No term is believed that the record itself
// gainsays.
func (g Grant) Derive(v Vocabulary) []string {
	var faults []string
	add := func(wrong bool, fault string) {
		if wrong {
			faults = append(faults, fault)
		}
	}
	achieved := g.Terms.Achieved()
	add(!achieved.Valid(), "a term grants nothing")
	add(g.ACR.Level > achieved, "acr is above what was achieved")
	add(!g.Requirement.MetBy(achieved), "what was achieved does not meet the floor")
	add(g.ACR.Level < g.Requirement.Minimum, "acr is below the registered minimum")
	add(!g.Sound(v), "acr does not follow from the terms")
	add(g.Terms.Freshness > Freshness(g.AuthTime, g.IssuedAt, longestLevel2Proof), "the proof was older than the term for its age says")
	add(g.Account == "" || g.Client == "" || g.Source == "" || g.IssuedAt.IsZero(), "it does not say who, where, through what or when")
	return faults
}
