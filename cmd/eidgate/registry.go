package main

import (
	"context"
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
	c := &cfg.Registries
	r.population, errs[0] = openRegistry(cfg, "registries.population", &c.Population, inventedPopulation,
		func(url string, token eid.Secret, client *http.Client) (civil.Registry, error) {
			return civil.NewExchange(url, token, client)
		})
	r.cards, errs[1] = openRegistry(cfg, "registries.citizen_card", &c.CitizenCard, inventedCards,
		func(url string, token eid.Secret, client *http.Client) (counter.Cards, error) {
			return civil.NewCards(url, token, client)
		})
	r.immigration, errs[2] = openRegistry(cfg, "registries.immigration", &c.Immigration, inventedForeigners,
		func(url string, token eid.Secret, client *http.Client) (civil.Immigration, error) {
			return civil.NewBorder(url, token, client)
		})
	r.matcher, errs[3] = openRegistry(cfg, "registries.matcher", &c.Matcher, nil, // it has no file
		func(url string, token eid.Secret, client *http.Client) (counter.Matcher, error) {
			return civil.NewMatching(url, token, client, now)
		})
	if c.DevelopmentMatcher {
		r.matcher = civil.DevelopmentMatcher{Now: now}
	}
	return r, errors.Join(errs[:]...)
}

// openRegistry makes one, of invented people or of the address that its owner gave; nil
// where neither is named.
func openRegistry[R any](cfg *config.Config, at string, r *config.Registry, invented func(file string) (R, error), named func(string, eid.Secret, *http.Client) (R, error)) (none R, err error) {
	switch {
	case r.PeopleFile != "":
		registry, err := invented(r.PeopleFile)
		if err != nil {
			return none, fmt.Errorf("%s.people_file: %w", at, err)
		}
		return registry, nil
	case r.URL == "":
		return none, nil
	}
	client, err := registryClient(cfg, at, r)
	if err != nil {
		return none, err
	}
	return named(r.URL, r.Token, client)
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

// inventedPopulation reads the people of a test bed. Errors name the place in the
// list, and nobody.
func inventedPopulation(file string) (civil.Registry, error) {
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
	return civil.NewSynthetic(people), nil
}

// cardFile is the file of the cards of a test bed. It is read for each question, since the
// issue of a card begins between two of them: somebody writes so into the file.
type cardFile string

// inventedCards looks through the file once, so that a fault in it is told at the start.
func inventedCards(file string) (counter.Cards, error) {
	_, err := cardFile(file).read()
	return cardFile(file), err
}

// Card implements counter.Cards.
func (f cardFile) Card(ctx context.Context, number eid.PersonalNumber) (civil.Card, error) {
	cards, err := f.read()
	if err != nil {
		return civil.Card{}, fmt.Errorf("%w: %w", civil.ErrDown, err)
	}
	return cards.Card(ctx, number)
}

func (f cardFile) read() (civil.SyntheticCards, error) {
	list, err := readList[struct {
		Number    string           `json:"number"`
		Status    civil.CardStatus `json:"status"`
		ExpiresOn string           `json:"expires_on"`
	}](string(f), "number, status and expires_on")
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
func inventedForeigners(file string) (civil.Immigration, error) {
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
