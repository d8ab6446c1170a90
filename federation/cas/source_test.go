package cas_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/federation/cas"
	"eidgate/federation/fedtest"
)

func TestSignIn(t *testing.T) {
	w := start(t)
	b := w.signIn("mot", "mat khau 1")
	step, err := w.finish(b)
	want := &federation.Assertion{
		Subject: "nguoi.mot", Level: eid.Level2, Methods: []string{"pwd"}, At: w.now, Anew: true, Session: b.values.Get("ticket"),
		Person: federation.Person{Number: "001203000017", Name: "Nguyễn Thị Mẫu", BirthDate: "01/02/2003"},
	}
	if diff := cmp.Diff(step.Assertion, want); err != nil || diff != "" {
		t.Fatalf("Finish() = %v, differs: %s", err, diff)
	}
	if got := w.source.Origins(); !cmp.Equal(got, []string{w.server.Server()}) {
		t.Errorf("Origins() = %v, want %s", got, w.server.Server())
	}

	// The server remembers the browser: the proof is as old as it says.
	began := w.now
	w.now = w.now.Add(10 * time.Minute)
	if step, err = w.finish(w.signIn("", "")); err != nil || !step.Assertion.At.Equal(began) {
		t.Errorf("signed in before: At = %v, %v, want %v", step.Assertion, err, began)
	}
	if step, err = w.finish(w.signIn("mot", "mat khau 1", fresh)); err != nil || !step.Assertion.At.Equal(w.now) {
		t.Errorf("fresh: At = %v, %v, want %v", step.Assertion, err, w.now)
	}
}

func TestFixedLevelAndSubject(t *testing.T) {
	w := start(t, func(s *cas.Settings) {
		s.LevelAttribute, s.Levels, s.Level, s.Subject = "", nil, eid.Level1, "maSo"
		s.MethodsAttribute, s.Methods = "", nil
	})
	step, err := w.finish(w.signIn("mot", "mat khau 1"))
	if err != nil || step.Assertion.Level != eid.Level1 || step.Assertion.Subject != "001203000017" || !cmp.Equal(step.Assertion.Methods, []string{"fed"}) {
		t.Errorf("Finish() = %+v, %v, want level 1, the attribute as subject, fed", step.Assertion, err)
	}
	if _, err := w.finish(w.signIn("hai", "mat khau 2", fresh)); !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("without the subject's attribute: %v, want ErrUntrusted", err)
	}
}

// TestTicketRefused: what the browser brings back is not a service ticket for this
// sign-in. want counts the calls that it causes.
func TestTicketRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, b *begun)
		calls  int
	}{
		"used before":  {func(w *world, b *begun) { _, _ = w.finish(*b) }, 2},
		"made up":      {func(_ *world, b *begun) { b.values.Set("ticket", "ST-made-up") }, 1},
		"proxy ticket": {func(_ *world, b *begun) { b.values.Set("ticket", "PT-1-abc") }, 0},
		"empty":        {func(_ *world, b *begun) { b.values.Set("ticket", "") }, 0},
		"two tickets":  {func(_ *world, b *begun) { b.values.Add("ticket", "ST-1") }, 0},
		"too long":     {func(_ *world, b *begun) { b.values.Set("ticket", "ST-"+strings.Repeat("a", 254)) }, 0},
		"new line":     {func(_ *world, b *begun) { b.values.Set("ticket", b.values.Get("ticket")+"\n") }, 0},
		"parameter":    {func(_ *world, b *begun) { b.values.Set("ticket", "ST-1&service=https://evil.example") }, 0},
		"other state":  {func(_ *world, b *begun) { b.values.Set("state", "another") }, 0},
		"no state":     {func(_ *world, b *begun) { b.values.Del("state") }, 0},
		"for another service": {func(w *world, b *begun) {
			other := w.signIn("", "", func(r *federation.Request) { r.Callback = "https://gateway.example.vn/callback/other" })
			b.values.Set("ticket", other.values.Get("ticket"))
		}, 1},
		"for another sign-in": {func(w *world, b *begun) {
			other := w.signIn("", "", func(r *federation.Request) { r.State = "another" })
			b.values.Set("ticket", other.values.Get("ticket"))
		}, 1},
		"not renewed": {func(w *world, b *begun) { // a ticket of the living session where a new login was asked
			b.req.State = "once more"
			stale := w.signIn("", "", func(r *federation.Request) { r.State = b.req.State })
			step, err := w.source.Begin(t.Context(), federation.Request{State: b.req.State, Callback: callback, Fresh: true, Now: w.now})
			if err != nil {
				t.Fatal(err)
			}
			b.req.Memory, b.values = step.Memory, stale.values
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			b := w.signIn("mot", "mat khau 1")
			ticket := b.values.Get("ticket")
			tt.change(w, &b)
			step, err := w.finish(b)
			if step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("Finish() = %+v, %v, want ErrUntrusted", step.Assertion, err)
			}
			if got := w.server.Calls(fedtest.PathCASValidate); got != tt.calls {
				t.Errorf("%d validations, want %d", got, tt.calls)
			}
			silent(t, err, ticket, b.req.State)
		})
	}
}

// TestDeclined: servers that let people turn back send them without a ticket.
func TestDeclined(t *testing.T) {
	w := start(t)
	b := w.signIn("mot", "mat khau 1")
	b.values.Del("ticket")
	if _, err := w.finish(b); !errors.Is(err, federation.ErrDenied) {
		t.Errorf("no ticket: %v, want ErrDenied", err)
	}
	b.values.Set("state", "another")
	if _, err := w.finish(b); !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("no ticket and another state: %v, want ErrUntrusted", err)
	}
}

// TestAttributesRefused: the ticket is good, and what the server says of the person
// is not what the gateway believes.
func TestAttributesRefused(t *testing.T) {
	set := func(name string, values ...string) func(map[string][]string) {
		return func(attributes map[string][]string) { attributes[name] = values }
	}
	without := func(names ...string) func(map[string][]string) {
		return func(attributes map[string][]string) {
			for _, name := range names {
				delete(attributes, name)
			}
		}
	}
	for name, tt := range map[string]struct {
		tamper func(map[string][]string)
		fresh  bool
		ok     bool
	}{
		"level missing":              {tamper: without("loa")},
		"level empty":                {tamper: set("loa", "")},
		"level unknown":              {tamper: set("loa", "CAO")},
		"level a number":             {tamper: set("loa", "2")},
		"two levels":                 {tamper: set("loa", "thap", "cao")},
		"the same level twice":       {tamper: set("loa", "cao", "cao")},
		"two dates":                  {tamper: set("authenticationDate", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")},
		"no date in an old session":  {tamper: func(a map[string][]string) { without("authenticationDate")(a); set("isFromNewLogin", "false")(a) }},
		"no time at all":             {tamper: without("authenticationDate", "isFromNewLogin")},
		"malformed date":             {tamper: set("authenticationDate", "yesterday")},
		"date without a zone":        {tamper: set("authenticationDate", "2026-01-01T00:00:00")},
		"date in the future":         {tamper: set("authenticationDate", "2999-01-01T00:00:00Z")},
		"new, no date":               {tamper: without("authenticationDate"), ok: true},
		"zone in brackets":           {tamper: set("authenticationDate", "2024-05-05T10:11:12.123456Z[Etc/UTC]"), ok: true},
		"seconds":                    {tamper: set("authenticationDate", "1714903872"), ok: true},
		"fresh, not new":             {tamper: set("isFromNewLogin", "false"), fresh: true},
		"fresh, new and not":         {tamper: set("isFromNewLogin", "true", "false"), fresh: true},
		"fresh, an odd word":         {tamper: set("isFromNewLogin", "yes"), fresh: true},
		"fresh, dated long ago":      {tamper: set("authenticationDate", "2024-05-05T10:11:12Z"), fresh: true},
		"fresh, remembered":          {tamper: set("longTermAuthenticationRequestTokenUsed", "true"), fresh: true},
		"fresh, no word, old date":   {tamper: func(a map[string][]string) { without("isFromNewLogin")(a); set("authenticationDate", "1714903872")(a) }, fresh: true},
		"fresh, no word, date of it": {tamper: without("isFromNewLogin"), fresh: true, ok: true},
		"fresh, new without date":    {tamper: without("authenticationDate"), fresh: true, ok: true},
		"fresh, neither":             {tamper: without("authenticationDate", "isFromNewLogin"), fresh: true},
		"name given twice":           {tamper: set("hoTen", "A", "B"), ok: true}, // it decides nothing
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.server.TamperAttributes(tt.tamper)
			b := w.signIn("mot", "mat khau 1", func(r *federation.Request) { r.Fresh = tt.fresh })
			step, err := w.finish(b)
			if tt.ok {
				if err != nil || step.Assertion.Level != eid.Level2 || step.Assertion.At.After(w.now) {
					t.Errorf("Finish() = %+v, %v, want level 2 at %v at the latest", step.Assertion, err, w.now)
				}
				if tt.fresh && step.Assertion != nil && step.Assertion.At.Before(w.now) {
					t.Errorf("At = %v, want not before the sign-in began, %v", step.Assertion.At, w.now)
				}
				return
			}
			if step.Assertion != nil || !errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("Finish() = %+v, %v, want ErrUntrusted", step.Assertion, err)
			}
		})
	}
}

// TestLevelOfAnother: the level of one person never comes with the other, and a
// level above what the source may assert is for federation.Believe to refuse.
func TestLevelOfAnother(t *testing.T) {
	w := start(t)
	step, err := w.finish(w.signIn("hai", "mat khau 2"))
	if err != nil || step.Assertion.Subject != "nguoi.hai" || step.Assertion.Level != eid.Level1 {
		t.Fatalf("Finish() = %+v, %v, want the second person at level 1", step.Assertion, err)
	}
	src := eid.Source{ID: "cas", Kind: federation.KindCAS, Window: eid.Window{From: w.now.Add(-time.Hour)}, MayAssert: []eid.Level{eid.Level1}}
	if err := federation.Believe(&src, &eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{"cas"}}, *step.Assertion, w.now); err != nil {
		t.Errorf("Believe(level 1) = %v, want nil", err)
	}
	w.server.TamperAttributes(func(a map[string][]string) { a["loa"] = []string{"cao"} })
	step, err = w.finish(w.signIn("", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := federation.Believe(&src, &eid.RelyingParty{Category: eid.OtherCategory, Sources: []string{"cas"}}, *step.Assertion, w.now); !errors.Is(err, federation.ErrUntrusted) {
		t.Errorf("Believe(level 2 of a source for level 1) = %v, want ErrUntrusted", err)
	}
}

func TestServerFails(t *testing.T) {
	for name, tt := range map[string]struct {
		how  fedtest.Breakage
		want error // beside an error at all
	}{
		"slow": {fedtest.Slow, federation.ErrDown}, "garbage": {fedtest.Garbage, federation.ErrDown},
		"100 MB": {fedtest.Huge, federation.ErrDown}, "redirects inward": {fedtest.Redirects, federation.ErrDown},
		"500": {fedtest.Failing, nil}, "400": {fedtest.Refusing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			w.server.RedirectTo("http://127.0.0.1:1/")
			b := w.signIn("mot", "mat khau 1")
			w.server.Break(fedtest.PathCASValidate, tt.how)
			ctx, cancel := t.Context(), func() {}
			if tt.how == fedtest.Slow {
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
			}
			defer cancel()
			step, err := w.source.Finish(ctx, b.req, federation.Reply{Values: b.values})
			if step.Assertion != nil || err == nil || tt.want != nil && !errors.Is(err, tt.want) || errors.Is(err, federation.ErrUntrusted) {
				t.Errorf("Finish() = %+v, %v, want %v", step.Assertion, err, tt.want)
			}
			silent(t, err, b.values.Get("ticket"), "serviceValidate")
		})
	}
}

// TestDialGuard: a server whose name leads inward is not called.
func TestDialGuard(t *testing.T) {
	w := start(t)
	client, err := federation.HTTPClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	source, err := cas.New(settings(w.server.Server()), cas.Deps{HTTP: client})
	if err != nil {
		t.Fatal(err)
	}
	b := w.signIn("mot", "mat khau 1")
	_, err = source.Finish(t.Context(), b.req, federation.Reply{Values: b.values})
	if !errors.Is(err, federation.ErrDown) || !errors.Is(err, federation.ErrForbiddenAddress) || w.server.Calls(fedtest.PathCASValidate) != 0 {
		t.Errorf("Finish() = %v, %d calls, want ErrForbiddenAddress and none", err, w.server.Calls(fedtest.PathCASValidate))
	}
	silent(t, err, b.values.Get("ticket"))
}

func TestBegin(t *testing.T) {
	w := start(t)
	step, err := w.source.Begin(t.Context(), federation.Request{
		State: "a+b/c", Callback: callback, Fresh: true, Hint: eid.NewSecret("001203000017"), Language: "en", Now: w.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(step.Redirect)
	if err != nil || strings.Contains(step.Redirect, "001203000017") || strings.Contains(string(step.Memory), "a+b/c") {
		t.Fatalf("Begin() = %s, %s, %v, want no hint in the address and no state in memory", step.Redirect, step.Memory, err)
	}
	want := url.Values{"service": {callback + "?state=a%2Bb%2Fc"}, "renew": {"true"}, "locale": {"en"}}
	if got := u.Query(); !cmp.Equal(got, want) {
		t.Errorf("parameters = %v, want %v", got, want)
	}
	for name, memory := range map[string]string{"none": "", "malformed": "{", "of another server": `{"server":"https://other.example","callback":"x"}`} {
		_, err := w.source.Finish(t.Context(), federation.Request{Memory: []byte(memory)}, federation.Reply{Values: url.Values{"state": {"x"}, "ticket": {"ST-1"}}})
		if err == nil {
			t.Errorf("memory %s: Finish() = nil, want an error", name)
		}
	}
}

func TestSettings(t *testing.T) {
	sound := `{"server": "https://cas.example.vn/cas", "level": 1}`
	if s, err := cas.ParseSettings([]byte(sound)); err != nil || s.Level != eid.Level1 {
		t.Errorf("ParseSettings(%s) = %+v, %v, want level 1", sound, s, err)
	}
	for name, text := range map[string]string{
		"malformed":              `{`,
		"unknown member":         `{"server": "https://a.example", "level": 1, "acr": {}}`,
		"no server":              `{"level": 1}`,
		"http":                   `{"server": "http://cas.example.vn", "level": 1}`,
		"slash at the end":       `{"server": "https://cas.example.vn/", "level": 1}`,
		"query":                  `{"server": "https://cas.example.vn?x", "level": 1}`,
		"no level":               `{"server": "https://a.example"}`,
		"no such level":          `{"server": "https://a.example", "level": 3}`,
		"two ways to a level":    `{"server": "https://a.example", "level": 1, "level_attribute": "a", "levels": {"x": 1}}`,
		"attribute alone":        `{"server": "https://a.example", "level_attribute": "a"}`,
		"levels alone":           `{"server": "https://a.example", "levels": {"x": 1}}`,
		"levels beside level":    `{"server": "https://a.example", "level": 1, "levels": {"x": 1}}`,
		"empty value":            `{"server": "https://a.example", "level_attribute": "a", "levels": {"": 1}}`,
		"level none":             `{"server": "https://a.example", "level_attribute": "a", "levels": {"x": 0}}`,
		"methods alone":          `{"server": "https://a.example", "level": 1, "methods": {"x": ["pwd"]}}`,
		"methods without a form": `{"server": "https://a.example", "level": 1, "methods_attribute": "m", "methods": {"x": ["P W D"]}}`,
	} {
		if _, err := cas.ParseSettings([]byte(text)); err == nil {
			t.Errorf("%s: ParseSettings() = nil, want an error", name)
		}
	}
}
