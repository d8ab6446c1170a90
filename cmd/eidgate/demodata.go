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
	"eidgate/federation"
)

// Sources of the demo. The legacy provider is declared twice: with a window that
// is open today, and with the one that the law closed.
const (
	sourceNational     = "national"
	sourceLegacy       = "legacy"
	sourceLegacyClosed = "legacy-2022"

	legacyTitle = "Tài khoản cổng cũ (thử nghiệm)"
)

// demoFiles are the secrets of one demo, made at its first start.
type demoFiles struct {
	dir          string
	Secrets      map[string]string `json:"client_secrets"` // by client id
	LegacySecret string            `json:"legacy_secret"`
}

const demoMark = "demo.json" // also marks the directory as a demo's own

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
		return f, nil
	}
	f.Secrets = map[string]string{"portal-1": rand.Text() + rand.Text(), "portal-2": rand.Text() + rand.Text()}
	f.LegacySecret = rand.Text() + rand.Text()
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
func demoConfig(p demoPorts, f *demoFiles, state string, today time.Time) (*config.Config, error) {
	c := config.Default()
	c.Issuer, c.Listen = "http://"+p.gateway, p.gateway
	// The ports of the block are spoken for: the metrics take any other.
	c.Metrics.Listen, c.Log.Format = metricsAnywhere, config.FormatText
	c.Data, c.MasterKeyFile = f.dir, masterKeyPath(f.dir)
	c.State = eid.NewSecret(state)
	c.Outbound.Allow = []string{p.legacy, p.portal1, p.portal2}
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
			Sources:    []string{sourceNational, sourceLegacy, sourceLegacyClosed}, Refresh: true,
			Consent: config.Consent{Purpose: "Thử đăng nhập bằng dữ liệu giả định", PurposeEN: "Trying sign-in with invented data"},
		}
	}
	c.Clients = []config.Client{
		portal("portal-1", "Cổng dịch vụ thử nghiệm mức 1", "Trial portal, Level 1", p.portal1, "ES256", eid.Level1),
		portal("portal-2", "Cổng dịch vụ thử nghiệm mức 2", "Trial portal, Level 2", p.portal2, "RS256", eid.Level2),
	}
	// The owner of the first decides; the second is administrative, with a decision
	// that lets it take the old accounts for the time being.
	c.Clients[0].Category = string(eid.OtherCategory)
	c.Clients[1].NotReady = &config.NotReady{Decision: "QĐ-000/GIẢ-ĐỊNH"}
	// One portal is told in a frame as well, so that a demo shows the page of it.
	front := &c.Clients[1].Logout
	front.FrontchannelURI, front.FrontchannelSession = "http://"+p.portal2+demo.FrontchannelPath, true
	month := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, vietnam)
	c.Sources = []config.Source{
		{
			ID: sourceNational, Kind: federation.KindAccount, Name: "Tài khoản định danh điện tử", NameEN: "Electronic identity account", Provider: "eidgate",
			Window: config.Window{From: decision34}, MayAssert: []eid.Level{eid.Level1, eid.Level2},
			GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level2}},
		},
		legacySource(sourceLegacy, "Tài khoản cổng cũ", "Old portal account", p, f,
			config.Window{From: month.AddDate(0, -1, 0), Until: month.AddDate(0, 6, 0)}),
		legacySource(sourceLegacyClosed, "Tài khoản cổng cũ, giai đoạn 2021–2022", "", p, f,
			config.Window{From: decision34, Until: transitionEnd}),
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("the demo's configuration: %w", err)
	}
	return c, nil
}

// Dates of Decision 34/2021: in force from, transition until (row 34).
var (
	vietnam       = time.FixedZone("Asia/Ho_Chi_Minh", 7*3600)
	decision34    = time.Date(2021, 11, 9, 0, 0, 0, 0, vietnam)
	transitionEnd = time.Date(2023, 1, 1, 0, 0, 0, 0, vietnam)
)

func legacySource(id, name, nameEN string, p demoPorts, f *demoFiles, w config.Window) config.Source {
	return config.Source{
		ID: id, Kind: federation.KindOpenID, Name: name, NameEN: nameEN, Provider: "Cổng cũ (dữ liệu giả định)", Window: w,
		MayAssert: []eid.Level{eid.Level1}, GrantsAtMost: config.Ceilings{{From: decision34, Level: eid.Level1}},
		Reconcile: "link", // it says nothing of a person but a subject
		OpenID: &config.OpenID{
			Issuer: "http://" + p.legacy, ClientID: "eidgate-" + id, ClientSecret: eid.NewSecret(f.LegacySecret),
			Scopes: []string{"openid"}, ACR: map[string]eid.Level{demo.LegacyACR: eid.Level1},
			RequestACR: map[eid.Level]string{eid.Level1: demo.LegacyACR},
		},
	}
}

// seedPeople makes the synthetic people that are not there yet.
func seedPeople(ctx context.Context, g *gateway, now func() time.Time) error {
	passwords, err := credential.NewPasswords(0)
	if err != nil {
		return fmt.Errorf("preparing passwords: %w", err)
	}
	writer, hash := accounts.New(g.db, now), ""
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
		if err := seedPerson(ctx, writer, person, hash); err != nil {
			return err
		}
	}
	return nil
}

func seedPerson(ctx context.Context, writer *accounts.Accounts, p demo.Person, hash string) error {
	const actor, evidence = "operator:demo", "synthetic person of the demo"
	if p.Password == "" {
		hash = ""
	}
	id, err := writer.Create(ctx, accounts.NewAccount{
		Person: p.Person, Level: p.Level, Status: p.Status, OwnFloor: p.OwnFloor,
		Phone: eid.Contact{Value: p.Phone, Verified: true}, Email: eid.Contact{Value: p.Email},
		PasswordHash: hash, TOTPSecret: eid.NewSecret(p.TOTPSecret),
	}, actor)
	if err != nil {
		return err
	}
	if p.Lock != "" {
		if _, err := writer.Lock(ctx, id, p.Lock, "cơ quan giả định", "QĐ-000/GIẢ-ĐỊNH", actor); err != nil {
			return err
		}
	}
	if p.LegacySubject == "" {
		return nil
	}
	for _, source := range []string{sourceLegacy, sourceLegacyClosed} {
		if _, err := writer.Link(ctx, eid.Link{Account: id, Source: source, Cap: p.LegacyCap}, p.LegacySubject, evidence, actor); err != nil {
			return err
		}
	}
	return nil
}
