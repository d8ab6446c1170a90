package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/credential"
)

// demoFiles are the secrets of one demo, made at its first start.
type demoFiles struct {
	dir     string
	Secrets map[string]string `json:"client_secrets"` // by client id
	// Sources are the gateway's secrets at sources, and the directory's for it.
	Sources map[string]string `json:"source_secrets"` // by source
	// DecryptionKey (PEM) is what VNeID encrypts to, SAMLKey what the gateway signs with.
	DecryptionKey string `json:"decryption_key"`
	SAMLKey       string `json:"saml_key"`
}

const (
	demoMark       = "demo.json" // also marks the directory as a demo's own
	demoPopulation = "population.json"
)

// openDemoFiles reads the directory of a demo, or makes it. A reset removes only
// a directory that a demo made.
func openDemoFiles(dir string, reset bool) (*demoFiles, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the data directory: %w", err)
	}
	mark := filepath.Join(dir, demoMark)
	raw, err := os.ReadFile(mark)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return nil, fmt.Errorf("reading the demo's data: %w", err)
	}
	if missing {
		if others, err := os.ReadDir(dir); err == nil && len(others) > 0 {
			return nil, fmt.Errorf("--data %s: the directory holds something else than a demo; name another", dir)
		}
	} else if reset {
		if err := os.RemoveAll(dir); err != nil {
			return nil, fmt.Errorf("removing the demo's data: %w", err)
		}
		missing = true
	}
	f := &demoFiles{dir: dir}
	if !missing {
		if err := json.Unmarshal(raw, f); err != nil {
			return nil, fmt.Errorf("reading %s: %w; start with --reset", mark, err)
		}
		if f.SAMLKey == "" {
			return nil, fmt.Errorf("%s is of a demo with fewer sources; start with --reset", mark)
		}
		return f, nil
	}
	f.Secrets = map[string]string{"portal-1": rand.Text() + rand.Text(), "portal-2": rand.Text() + rand.Text()}
	f.Sources = map[string]string{}
	for _, source := range []string{demo.SourceOldPortal, demo.SourceVNeID, demo.SourceLibrary} {
		f.Sources[source] = rand.Text() + rand.Text()
	}
	if err := f.makeKeys(); err != nil {
		return nil, fmt.Errorf("making the demo's data: %w", err)
	}
	if raw, err = json.Marshal(f); err != nil {
		return nil, fmt.Errorf("writing the demo's data: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if err := os.WriteFile(mark, raw, 0o600); err != nil {
		return nil, fmt.Errorf("writing the demo's data: %w", err)
	}
	return f, nil
}

// demoConfig is the configuration that a demo runs with, checked like any other.
// The open window is around today by the machine's clock, so that --at can move
// the gateway past its end.
func demoConfig(p demoPorts, f *demoFiles, sources *standIns, state string, today time.Time) (*config.Config, error) {
	c := config.Default()
	c.Issuer, c.Listen = "http://"+p.gateway, p.gateway
	// The ports of the block are spoken for: the metrics take any other.
	c.Metrics.Listen, c.Log.Format = metricsAnywhere, config.FormatText
	c.Data, c.MasterKeyFile = f.dir, masterKeyPath(f.dir)
	c.State = eid.NewSecret(state)
	c.Outbound.Allow = []string{p.sources, p.directory, p.portal1, p.portal2}
	c.Registries.Population.PeopleFile = filepath.Join(f.dir, demoPopulation)
	demoRegistries(&c.Registries, f.dir)
	portal := func(id, name, nameEN, addr, alg string, level eid.Level) config.Client {
		return config.Client{
			ID: id, Name: name, NameEN: nameEN, URL: "http://" + addr, Tier: "province", AuthMethod: string(eid.AuthSecretBasic),
			Secrets: []eid.Secret{eid.NewSecret(f.Secrets[id])}, RedirectURIs: []string{"http://" + addr + demo.CallbackPath},
			Scopes: []string{"openid", "profile", "email", "phone", "eid"}, Sector: id, IDTokenAlg: alg, MinLevel: level,
			Logout: config.Logout{
				PostLogoutRedirectURIs: []string{"http://" + addr + demo.LoggedOutPath},
				BackchannelURI:         "http://" + addr + demo.BackchannelPath,
			},
			ACRAliases: map[string]eid.Level{"LoA1": eid.Level1, "LoA2": eid.Level2},
			Sources:    allSources(), Refresh: true, OldSubjects: string(eid.KeepSubjects),
			Consent: config.Consent{Purpose: "Thử đăng nhập bằng dữ liệu giả định", PurposeEN: "Trying sign-in with invented data"},
		}
	}
	c.Clients = []config.Client{
		portal("portal-1", "Cổng dịch vụ thử nghiệm mức 1", "Trial portal, Level 1", p.portal1, "ES256", eid.Level1),
		portal("portal-2", "Cổng dịch vụ thử nghiệm mức 2", "Trial portal, Level 2", p.portal2, "RS256", eid.Level2),
	}
	c.Clients[1].Scopes = append(c.Clients[1].Scopes, eid.DrivingLicence.Claim(), eid.HealthInsurance.Claim())
	// The owner of the first decides; the second is administrative, with a decision
	// that lets it take the old accounts for the time being.
	c.Clients[0].Category = string(eid.OtherCategory)
	c.Clients[0].Sources = append(c.Clients[0].Sources, demo.SourceOldAccounts, demo.SourceOverdueAccounts)
	c.Clients[0].OldSubjects = string(eid.KeepSubjects)
	c.Clients[1].NotReady = &config.NotReady{Decision: "QĐ-000/GIẢ-ĐỊNH"}
	// One portal is told in a frame as well, so that a demo shows the page of it.
	front := &c.Clients[1].Logout
	front.FrontchannelURI, front.FrontchannelSession = "http://"+p.portal2+demo.FrontchannelPath, true
	c.Sources = demoSources(p, f, sources, today)
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("the demo's configuration: %w", err)
	}
	return c, nil
}

// writePopulation writes the registry that legacy sources are compared with: all
// synthetic people as they are.
func (f *demoFiles) writePopulation() error {
	type person struct {
		Number    string `json:"number"`
		Name      string `json:"name"`
		BirthDate string `json:"birth_date"`
	}
	var people []person
	for _, p := range demo.People() {
		people = append(people, person{p.Identifier.Reveal(), p.Name, p.BirthDate})
	}
	for _, p := range demo.Registrants() {
		if p.Type == eid.Citizen {
			people = append(people, person{p.Identifier.Reveal(), p.Name, p.BirthDate})
		}
	}
	raw, err := json.Marshal(people)
	if err != nil {
		return fmt.Errorf("writing the synthetic population: %w", err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, demoPopulation), raw, 0o600); err != nil {
		return fmt.Errorf("writing the synthetic population: %w", err)
	}
	return nil
}

// seedPeople makes the synthetic people that are not there yet.
func seedPeople(ctx context.Context, g *gateway, now func() time.Time) error {
	passwords, err := credential.NewPasswords(0)
	if err != nil {
		return fmt.Errorf("preparing passwords: %w", err)
	}
	writer, locks, hash := accounts.New(g.db, now), accounts.NewLocks(g.db, g.rules, now), ""
	counter := demoCounter{g, now}
	for _, person := range demo.People() {
		_, err := g.db.AccountByIdentifier(ctx, person.Identifier)
		if err == nil {
			continue
		}
		if !errors.Is(err, eid.ErrNotFound) {
			return err
		}
		// All have one password, so one hash does.
		if hash == "" {
			if hash, err = passwords.Hash(ctx, eid.NewSecret(demo.Password)); err != nil {
				return fmt.Errorf("hashing: %w", err)
			}
		}
		if len(person.Documents) > 0 {
			if _, err := counter.enrol(ctx, person, hash); err != nil {
				return err
			}
			continue
		}
		id, err := seedPerson(ctx, writer, locks, person, hash)
		if err != nil {
			return err
		}
		if len(person.Tasks) > 0 {
			if err := counter.appoint(ctx, id, person); err != nil {
				return err
			}
		}
	}
	return nil
}

func seedPerson(ctx context.Context, writer *accounts.Accounts, locks *accounts.Locks, p demo.Person, hash string) (eid.AccountID, error) {
	const actor, evidence = "operator:demo", "synthetic person of the demo"
	if p.Password == "" {
		hash = ""
	}
	id, err := writer.Create(ctx, accounts.NewAccount{
		Person: p.Person, Level: p.Level, Status: p.Status, OwnFloor: p.OwnFloor,
		Phone: eid.Contact{Value: p.Phone, Verified: !p.Unproved}, Email: eid.Contact{Value: p.Email},
		PasswordHash: hash, TOTPSecret: eid.NewSecret(p.TOTPSecret),
	}, actor)
	if err != nil {
		return "", err
	}
	if p.Lock != "" {
		if _, err := locks.Set(ctx, id, p.Lock, demoLock(p.Lock)); err != nil {
			return "", err
		}
	}
	for _, source := range allSources() {
		for _, s := range demo.At(source) {
			if s.Linked != p.Identifier {
				continue
			}
			if _, err := writer.Link(ctx, eid.Link{Account: id, Source: source, Cap: s.Cap}, s.Subject, evidence, actor); err != nil {
				return "", err
			}
		}
	}
	return id, nil
}

// demoLock is who asked for a lock of a kind, and what it rests on.
func demoLock(reason eid.LockReason) accounts.LockAct {
	act := accounts.LockAct{By: eid.ByAuthority, Requester: "cơ quan giả định", Document: "QĐ-000/GIẢ-ĐỊNH", Actor: demoOperator}
	switch reason {
	case eid.LockSelf:
		act.By, act.Requester, act.Document, act.Proof = eid.ByHolder, "", "", "pwd otp"
	case eid.LockTerms:
		act.By = eid.ByOperator
	case eid.LockNumber, eid.LockDeath:
		act.By = eid.ByRegistry
	case eid.LockAuthority: // as it stands
	}
	return act
}
