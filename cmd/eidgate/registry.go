package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/federation"
)

// registries are those that the configuration names. One that it does not name is nil, and
// answers nobody.
type registries struct {
	population  civil.Registry
	immigration civil.Immigration
	// Without cards and matcher no citizen reaches level 2 at the counter.
	cards   counter.Cards
	matcher counter.Matcher
}

// openRegistries makes them. It calls nobody.
func openRegistries(cfg *config.Config, now func() time.Time) (r registries, err error) {
	var errs [4]error
	r.population, errs[0] = populationRegistry(cfg)
	if cfg.Registries.CitizenCard.Given() {
		r.cards, errs[1] = cardRegistry(cfg)
	}
	if cfg.Registries.Immigration.Given() {
		r.immigration, errs[2] = immigrationRegistry(cfg)
	}
	switch {
	case cfg.Registries.DevelopmentMatcher:
		r.matcher = civil.DevelopmentMatcher{Now: now}
	case cfg.Registries.Matcher.Given():
		r.matcher, errs[3] = matcher(cfg, now)
	}
	return r, errors.Join(errs[:]...)
}

// matcher makes the client of what compares biometrics.
func matcher(cfg *config.Config, now func() time.Time) (counter.Matcher, error) {
	r := &cfg.Registries.Matcher
	client, err := registryClient(cfg, "registries.matcher", r)
	if err != nil {
		return nil, err
	}
	return civil.NewMatching(r.URL, r.Token, client, now)
}

// registryClient makes the client of one registry.
func registryClient(cfg *config.Config, at string, r *config.Registry) (*http.Client, error) {
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return nil, fmt.Errorf("outbound.allow: %w", err)
	}
	conf, err := clientTLS(at, r.CAFile, r.CertFile, r.KeyFile)
	if err != nil {
		return nil, err
	}
	return federation.NewOutboundTLS(allowed, conf).Client(), nil
}

// populationRegistry makes the registry that the configuration names, nil where it
// names none.
func populationRegistry(cfg *config.Config) (civil.Registry, error) {
	const at = "registries.population"
	r := &cfg.Registries.Population
	switch {
	case r.PeopleFile != "":
		people, err := inventedPeople(r.PeopleFile)
		if err != nil {
			return nil, fmt.Errorf("%s.people_file: %w", at, err)
		}
		return civil.NewSynthetic(people), nil
	case r.URL == "":
		return nil, nil
	}
	client, err := registryClient(cfg, at, r)
	if err != nil {
		return nil, err
	}
	return civil.NewExchange(r.URL, r.Token, client)
}

func cardRegistry(cfg *config.Config) (counter.Cards, error) {
	const at = "registries.citizen_card"
	r := &cfg.Registries.CitizenCard
	if r.PeopleFile != "" {
		cards, err := inventedCards(r.PeopleFile)
		if err != nil {
			return nil, fmt.Errorf("%s.people_file: %w", at, err)
		}
		return cards, nil
	}
	client, err := registryClient(cfg, at, r)
	if err != nil {
		return nil, err
	}
	return civil.NewCards(r.URL, r.Token, client)
}

func immigrationRegistry(cfg *config.Config) (civil.Immigration, error) {
	const at = "registries.immigration"
	r := &cfg.Registries.Immigration
	if r.PeopleFile != "" {
		people, err := inventedForeigners(r.PeopleFile)
		if err != nil {
			return nil, fmt.Errorf("%s.people_file: %w", at, err)
		}
		return people, nil
	}
	client, err := registryClient(cfg, at, r)
	if err != nil {
		return nil, err
	}
	return civil.NewBorder(r.URL, r.Token, client)
}

// readList reads a JSON list of invented people. Errors tell nothing of them.
func readList[T any](file, members string) (list []T, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("not a JSON list of people with " + members)
	}
	return list, nil
}

// inventedPeople reads the people of a test bed. Errors name the place in the
// list, and nobody.
func inventedPeople(file string) ([]civil.Person, error) {
	list, err := readList[struct {
		Number    string `json:"number"`
		Name      string `json:"name"`
		BirthDate string `json:"birth_date"`
	}](file, "number, name and birth_date")
	if err != nil {
		return nil, err
	}
	people := make([]civil.Person, len(list))
	for i, p := range list {
		number, err := eid.ParsePersonalNumber(p.Number)
		if err != nil {
			return nil, fmt.Errorf("person %d: number: %w", i, err)
		}
		born, err := civil.ParseDate(p.BirthDate)
		if err != nil || p.Name == "" {
			return nil, fmt.Errorf("person %d: no name, or no date of birth", i)
		}
		people[i] = civil.Person{Number: number, Name: p.Name, BirthDate: born}
	}
	return people, nil
}

// inventedCards reads the cards of a test bed.
func inventedCards(file string) (civil.SyntheticCards, error) {
	list, err := readList[struct {
		Number    string           `json:"number"`
		Status    civil.CardStatus `json:"status"`
		ExpiresOn string           `json:"expires_on"`
	}](file, "number, status and expires_on")
	if err != nil {
		return nil, err
	}
	cards := make(civil.SyntheticCards, len(list))
	for i, p := range list {
		number, err := eid.ParsePersonalNumber(p.Number)
		if err != nil {
			return nil, fmt.Errorf("person %d: number: %w", i, err)
		}
		card := civil.Card{Status: p.Status}
		if p.ExpiresOn != "" {
			if card.ExpiresOn, err = civil.ParseDate(p.ExpiresOn); err != nil {
				return nil, fmt.Errorf("person %d: expires_on is no date", i)
			}
		}
		if !card.Status.Known() {
			return nil, fmt.Errorf("person %d: status is none of a card", i)
		}
		cards[number.Reveal()] = card
	}
	return cards, nil
}

// inventedForeigners reads the foreigners of a test bed.
func inventedForeigners(file string) (civil.SyntheticBorder, error) {
	list, err := readList[struct {
		Country     string `json:"country"`
		Number      string `json:"number"`
		Name        string `json:"name"`
		BirthDate   string `json:"birth_date"`
		Gender      string `json:"gender"`
		Nationality string `json:"nationality"`
	}](file, "country, number, name, birth_date, gender and nationality")
	if err != nil {
		return nil, err
	}
	people := make(civil.SyntheticBorder, len(list))
	for i, p := range list {
		born, err := civil.ParseDate(p.BirthDate)
		if err != nil || p.Name == "" || p.Number == "" || len(p.Country) != 3 || len(p.Nationality) != 3 || p.Gender == "" {
			return nil, fmt.Errorf("person %d: something is missing, or is no date or country", i)
		}
		people[i] = civil.Foreigner{
			Passport: eid.NewIdentifier(eid.KindPassport, p.Country, p.Number), Name: p.Name, BirthDate: born, Gender: p.Gender, Nationality: p.Nationality,
		}
	}
	return people, nil
}
