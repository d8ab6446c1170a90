package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"eidgate/cmd/eidgate/demo"
	"eidgate/config"
	"eidgate/eid"
)

// demoReport is what a demo tells at its start: for people as a table, for
// scripts as one JSON document.
type demoReport struct {
	Issuer   string        `json:"issuer"`
	Data     string        `json:"data"`
	Metrics  string        `json:"metrics"`  // for Prometheus
	Messages string        `json:"messages"` // what holders were told by SMS and mail
	Portals  []demoPortal  `json:"portals"`
	Accounts []demoAccount `json:"accounts"`
	Sources  []demoSource  `json:"sources"`
	Register demoRegister  `json:"register"`
	Crowd    *demoCrowd    `json:"crowd,omitempty"` // of --people
}

type demoPortal struct {
	Name         string    `json:"name"`
	URL          string    `json:"url"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	RedirectURI  string    `json:"redirect_uri"`
	MinLevel     eid.Level `json:"min_level"`
}

type demoAccount struct {
	PersonalNumber string    `json:"personal_number"`
	Password       string    `json:"password,omitempty"`
	TOTPSecret     string    `json:"totp_secret,omitempty"`
	Level          eid.Level `json:"level"`
	Status         string    `json:"status"` // active, pending_activation or locked:REASON
	Note           string    `json:"note"`
}

type demoSource struct {
	ID       string       `json:"id"`
	Kind     string       `json:"kind"`
	Open     bool         `json:"open"`
	Accounts []demoSignIn `json:"accounts"`
}

// demoSignIn is what to type at a source.
type demoSignIn struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Note     string `json:"note"`
}

func newDemoReport(cfg *config.Config, f *demoFiles, now time.Time) demoReport {
	r := demoReport{Issuer: cfg.Issuer, Data: f.dir, Register: newDemoRegister(cfg.Issuer)}
	for _, c := range cfg.Clients {
		r.Portals = append(r.Portals, demoPortal{
			Name: c.Name, URL: c.URL, ClientID: c.ID, ClientSecret: c.Secrets[0].Reveal(),
			RedirectURI: c.RedirectURIs[0], MinLevel: c.MinLevel,
		})
	}
	var national []demoSignIn
	for _, p := range demo.People() {
		status := string(p.Status)
		if p.Lock != "" {
			status = "locked:" + string(p.Lock)
		}
		number := p.Identifier.Reveal()
		r.Accounts = append(r.Accounts, demoAccount{
			PersonalNumber: number, Password: p.Password, TOTPSecret: p.TOTPSecret,
			Level: p.Level, Status: status, Note: p.Note.English,
		})
		if p.Password != "" {
			national = append(national, demoSignIn{Username: number, Password: p.Password, Note: p.Note.English})
		}
	}
	for _, s := range cfg.Sources {
		window := eid.Window{From: s.Window.From, Until: s.Window.Until}
		source := demoSource{ID: s.ID, Kind: s.Kind, Open: window.Open(now), Accounts: national}
		if s.ID != demo.SourceNational {
			source.Accounts = nil
			for _, one := range demo.OldAccountsOf(s.ID) {
				source.Accounts = append(source.Accounts, demoSignIn{Username: one.Login, Password: demo.Password, Note: one.Note.English})
			}
			for _, one := range demo.At(s.ID) {
				source.Accounts = append(source.Accounts, demoSignIn{Username: one.Login, Password: one.Password, Note: one.Note.English})
			}
		}
		r.Sources = append(r.Sources, source)
	}
	return r
}

// print writes the report in one go.
func (r demoReport) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\neidgate demo: synthetic people, loopback only. Ctrl-C stops it; the data stays in %s.\n\n", r.Data)
	fmt.Fprintf(t, "OPEN\tADDRESS\t\n")
	for _, p := range r.Portals {
		fmt.Fprintf(t, "portal, level %s\t%s\t%s\n", p.MinLevel, p.URL, p.Name)
	}
	fmt.Fprintf(t, "gateway\t%s\t%s/.well-known/openid-configuration\n", r.Issuer, r.Issuer)
	fmt.Fprintf(t, "own account\t%s/me\tways to sign in, history of use, links, lock\n", r.Issuer)
	fmt.Fprintf(t, "registration\t%s\twith the numbers below; /activate and /recover lead back to an account\n", r.Register.URL)
	fmt.Fprintf(t, "counter\t%s/officer\tfor the officers below\n", r.Issuer)
	fmt.Fprintf(t, "metrics\t%s\tfor Prometheus\n", r.Metrics)
	fmt.Fprintf(t, "messages\t%s\twhat holders are told by SMS and mail, codes too; none leaves this machine\n\n", r.Messages)
	fmt.Fprintf(t, "PERSONAL NUMBER\tPASSWORD\tTOTP SECRET\tLEVEL\tSTATUS\tNOTE\n")
	for _, a := range r.Accounts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.PersonalNumber, orDash(a.Password), orDash(a.TOTPSecret), a.Level, a.Status, a.Note)
	}
	r.Register.print(t)
	if c := r.Crowd; c != nil {
		fmt.Fprintf(t, "%s\t%s\t-\t1\tactive\tthe first of %d invented people with one password; the last is %s\n", c.First, c.Password, c.People, c.Last)
	}
	fmt.Fprintf(t, "\nSOURCE\tKIND\tWINDOW\tLOGIN\tPASSWORD\tNOTE\n")
	for _, s := range r.Sources {
		s.print(t)
	}
	fmt.Fprintf(t, "\nA code for a TOTP secret: any authenticator app, or oathtool -b --totp SECRET\n\n")
	return t.Flush()
}

// print writes a row for each sign-in, or one for all where nothing new is to be
// said.
func (s demoSource) print(w io.Writer) {
	switch {
	case !s.Open:
		fmt.Fprintf(w, "%s\t%s\tclosed\t-\t-\t--at moves the clock into its window\n", s.ID, s.Kind)
		return
	case s.ID == demo.SourceNational:
		fmt.Fprintf(w, "%s\t%s\topen\t-\t-\tthe personal numbers above\n", s.ID, s.Kind)
		return
	}
	for i, a := range s.Accounts {
		id, kind, window := s.ID, s.Kind, "open"
		if i > 0 {
			id, kind, window = "", "", ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", id, kind, window, a.Username, a.Password, a.Note)
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
