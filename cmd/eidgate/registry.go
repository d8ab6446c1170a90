package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/federation"
)

// populationRegistry makes the registry that the configuration names, nil where it
// names none.
func populationRegistry(cfg *config.Config) (civil.Registry, error) {
	r := &cfg.Registries.Population
	switch {
	case r.PeopleFile != "":
		people, err := inventedPeople(r.PeopleFile)
		if err != nil {
			return nil, fmt.Errorf("registries.population.people_file: %w", err)
		}
		return civil.NewSynthetic(people), nil
	case r.URL == "":
		return nil, nil
	}
	allowed, err := federation.ParseDestinations(cfg.Outbound.Allow)
	if err != nil {
		return nil, fmt.Errorf("outbound.allow: %w", err)
	}
	conf, err := clientTLS("registries.population", r.CAFile, r.CertFile, r.KeyFile)
	if err != nil {
		return nil, err
	}
	return civil.NewExchange(r.URL, r.Token, federation.NewOutboundTLS(allowed, conf).Client())
}

// inventedPeople reads the people of a test bed. Errors name the place in the
// list, and nobody.
func inventedPeople(file string) ([]civil.Person, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	var list []struct {
		Number    string `json:"number"`
		Name      string `json:"name"`
		BirthDate string `json:"birth_date"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errors.New("not a JSON list of people with number, name and birth_date")
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
