package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/civil"
)

// Files of the registries that a counter asks.
const (
	demoCards       = "citizen_cards.json"
	demoImmigration = "immigration.json"
)

// demoRegistries has a counter ask invented registries, and match what nothing compares.
func demoRegistries(r *config.Registries, dir string) {
	r.CitizenCard.PeopleFile = filepath.Join(dir, demoCards)
	r.Immigration.PeopleFile = filepath.Join(dir, demoImmigration)
	r.DevelopmentMatcher = true
}

// writeRegistries writes the cards of all synthetic citizens, and the foreigners.
func (f *demoFiles) writeRegistries() error {
	type card struct {
		Number    string           `json:"number"`
		Status    civil.CardStatus `json:"status"`
		ExpiresOn string           `json:"expires_on,omitempty"`
	}
	type foreigner struct {
		Country     string `json:"country"`
		Number      string `json:"number"`
		Name        string `json:"name"`
		BirthDate   string `json:"birth_date"`
		Gender      string `json:"gender"`
		Nationality string `json:"nationality"`
	}
	cards, foreigners := []card{}, []foreigner{}
	add := func(p eid.Person, cardEnds string) {
		switch p.Type {
		case eid.Citizen:
			cards = append(cards, card{p.Identifier.Reveal(), civil.CardValid, cmp.Or(cardEnds, "2045-12-31")})
		case eid.Foreigner:
			foreigners = append(foreigners, foreigner{p.Identifier.Country(), p.Identifier.Reveal(), p.Name, p.BirthDate, p.Gender, p.Nationality})
		case eid.PortalAccount: // none of these
		}
	}
	for _, p := range demo.People() {
		add(p.Person, "")
	}
	for _, p := range demo.Registrants() {
		add(p.Person, p.CardEnds)
	}
	for name, list := range map[string]any{demoCards: cards, demoImmigration: foreigners} {
		raw, err := json.Marshal(list)
		if err == nil {
			err = os.WriteFile(filepath.Join(f.dir, name), raw, 0o600)
		}
		if err != nil {
			return fmt.Errorf("writing the synthetic registries: %w", err)
		}
	}
	return nil
}
