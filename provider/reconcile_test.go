package provider_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
	"eidgate/federation"
	"eidgate/provider"
)

// away is a registry that does not answer.
type away struct{}

func (away) Find(context.Context, civil.Person) (civil.Person, error) {
	return civil.Person{}, fmt.Errorf("%w: synthetic", civil.ErrDown)
}

// officers decide on every difference in one way.
type officers struct {
	ruling eid.Ruling
	asked  int
}

func (o *officers) Consider(context.Context, civil.Difference, string) (eid.Ruling, error) {
	o.asked++
	return o.ruling, nil
}

// TestReconcile: a legacy source's word gives a level only where number, name and
// date of birth are the account's and the registry's, or an officer accepted what
// differs.
func TestReconcile(t *testing.T) {
	const name, born = "Lê Thị Hòa", "15/01/1988"
	number, err := eid.ParsePersonalNumber(numberLevel2)
	must(t, err)
	registry := civil.NewSynthetic([]civil.Person{{Number: number, Name: name, BirthDate: civil.Date{Year: 1988, Month: time.January, Day: 15}}})
	in := "" // to the portal
	const mismatch, review, failed = "Thông tin chưa khớp", "Thông tin đang được xem xét", "chưa đăng nhập được"
	for what, tt := range map[string]struct {
		said     federation.Person
		registry civil.Registry
		ruling   eid.Ruling
		asked    int    // officers
		page     string // empty: the portal
		metered  string
	}{
		"the same":                 {federation.Person{Number: numberLevel2, Name: name, BirthDate: born}, registry, "", 0, in, "ok"},
		"case, and the tone moved": {federation.Person{Number: numberLevel2, Name: "LÊ THỊ HOÀ", BirthDate: "1988-01-15"}, registry, "", 0, in, "ok"},
		"accents":                  {federation.Person{Number: numberLevel2, Name: "Le Thi Hoa", BirthDate: born}, registry, "", 1, review, "ok"},
		"accents, accepted":        {federation.Person{Number: numberLevel2, Name: "Le Thi Hoa", BirthDate: born}, registry, eid.Accepted, 1, in, "ok"},
		"accents, rejected":        {federation.Person{Number: numberLevel2, Name: "Le Thi Hoa", BirthDate: born}, registry, eid.Rejected, 1, mismatch, "ok"},
		"a year alone":             {federation.Person{Number: numberLevel2, Name: name, BirthDate: "1988"}, registry, "", 1, review, "ok"},
		"another name":             {federation.Person{Number: numberLevel2, Name: "Lê Thị Hồng", BirthDate: born}, registry, eid.Accepted, 0, mismatch, "ok"},
		"another day":              {federation.Person{Number: numberLevel2, Name: name, BirthDate: "16/01/1988"}, registry, eid.Accepted, 0, mismatch, "ok"},
		"no date":                  {federation.Person{Number: numberLevel2, Name: name}, registry, eid.Accepted, 0, mismatch, "ok"},
		"nothing":                  {federation.Person{}, registry, eid.Accepted, 0, mismatch, ""},
		"another's number":         {federation.Person{Number: "001090000999", Name: name, BirthDate: born}, registry, eid.Accepted, 0, mismatch, ""},
		"nobody in the registry":   {federation.Person{Number: numberLevel2, Name: name, BirthDate: born}, civil.NewSynthetic(nil), eid.Accepted, 0, mismatch, "ok"},
		"registry away":            {federation.Person{Number: numberLevel2, Name: name, BirthDate: born}, away{}, eid.Accepted, 0, failed, "failed"},
		"no registry":              {federation.Person{Number: numberLevel2, Name: name, BirthDate: born}, nil, eid.Accepted, 0, failed, ""},
	} {
		t.Run(what, func(t *testing.T) {
			judges := &officers{ruling: tt.ruling}
			w := newWorldWith(t, func(_ *provider.Config, d *provider.Deps) { d.Registry, d.Reviews = tt.registry, judges })
			w.tweakSources = func(sources []eid.Source) { sources[1].Reconcile = true }
			w.register()
			w.speaking(&spoken{finish: func(federation.Reply) (federation.Step, error) {
				return federation.Step{Assertion: &federation.Assertion{
					Subject: "synthetic", Level: eid.Level1, Methods: []string{"fed"}, At: w.clock(), Person: tt.said,
				}}, nil
			}})
			a := w.browser()
			state := a.sent()
			w.meter.told(t)
			p := a.get(w.server.URL + "/callback/spoken?" + url.Values{"state": {state}}.Encode())
			if tt.page == "" {
				p = a.share(p)
			}
			if got := p.back != nil && p.back.Query().Has("code"); got != (tt.page == "") || !strings.Contains(p.body, tt.page) {
				t.Errorf("code = %v, status %d, want the page %q or a code\n%s", got, p.status, tt.page, p.body)
			}
			if judges.asked != tt.asked {
				t.Errorf("officers were asked %d times, want %d", judges.asked, tt.asked)
			}
			metered := ""
			for _, line := range w.meter.told(t) {
				if outcome, ok := strings.CutPrefix(line, "source spoken compare "); ok {
					metered = outcome
				}
			}
			if metered != tt.metered {
				t.Errorf("the comparison was metered as %q, want %q", metered, tt.metered)
			}
			if strings.Contains(w.log.String(), numberLevel2) || strings.Contains(w.log.String(), "Hòa") {
				t.Error("the log names the person")
			}
		})
	}
}
