package demo

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"eidgate/eid"
)

//go:embed pages
var files embed.FS

const stylePath = "/portal.css"

// vietnamTime has known no other offset since 1975 (ICT).
var vietnamTime = time.FixedZone("+07", 7*60*60)

// pages are parsed when the first one is shown: every verb of the binary has this
// package in it, and most show none.
var pages = sync.OnceValue(func() map[lang]*template.Template {
	return map[lang]*template.Template{vietnamese: parsePages(vietnamese, english), english: parsePages(english, vietnamese)}
})

// parsePages binds the pages to one language; the switch on them leads to the other.
func parsePages(l, other lang) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"lang": func() lang { return l }, "other": func() lang { return other }, "say": l.say,
	}).ParseFS(files, "pages/*.html"))
}

// shell is what every page shows.
type shell struct {
	Heading  string
	Portal   string
	MinLevel eid.Level
	Issuer   string
	Client   string
	Style    string
}

// homeView is the page at /.
type homeView struct {
	shell
	Service  string // what a visitor comes for
	SignIn   *signInView
	Failure  *failureView
	Variants []variant
}

// signInView shows a sign-in that holds.
type signInView struct {
	Name       string
	Level      eid.Level
	Reasons    []string
	Comparison string
	Asked      []fact
	Granted    []fact
	Header     string
	Claims     string
	UserInfo   string
}

// failureView shows why the latest login failed.
type failureView struct {
	advice
	Failure
	Path  string // of the button
	Asked []fact
}

// fact is a line of a list: words for holders, the parameter for developers.
type fact struct{ Words, Tech, Value string }

// variant is a way of asking that a visitor may try.
type variant struct{ Words, Tech, Path string }

func (p *Portal) shell(l lang, heading string) shell {
	return shell{
		Heading: heading, Portal: p.title(l), MinLevel: p.cfg.MinLevel,
		Issuer: p.cfg.Issuer, Client: p.cfg.ClientID, Style: stylePath,
	}
}

func (p *Portal) title(l lang) string { return l.say(p.cfg.Title, p.cfg.TitleEN) }

func (p *Portal) homeView(l lang, s session) homeView {
	v := homeView{shell: p.shell(l, p.title(l)), Service: l.say("Tra cứu tình trạng hồ sơ", "Look up the state of an application"), Variants: p.variants(l)}
	if p.cfg.MinLevel == eid.Level2 {
		v.Service = l.say("Nộp hồ sơ trực tuyến", "Apply online")
	}
	if f := s.failure; f != nil {
		ad := adviseOn(l, *f.Error, f.ask, p.cfg.MinLevel)
		v.Heading = ad.Title
		v.Failure = &failureView{advice: ad, Failure: *f.Error, Path: ad.Next.path(), Asked: askedFacts(l, *f.Asked)}
	}
	if r := s.signIn; r != nil {
		v.SignIn = p.signInView(l, r)
	}
	return v
}

func (p *Portal) signInView(l lang, r *Result) *signInView {
	var info struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(r.UserInfo, &info) // a name of another type is as good as none
	g := r.Granted
	return &signInView{
		Name:       clip(info.Name, maxErrorCode),
		Level:      g.Level,
		Reasons:    reasons(l, p.cfg.MinLevel, r.ask, g.Level),
		Comparison: comparison(p.cfg.MinLevel, r.ask, g.Level),
		Asked:      askedFacts(l, *r.Asked),
		Granted: known([]fact{
			{l.say("Mức định danh", "Identity level"), "acr", g.ACR},
			{l.say("Cách xác thực", "Ways used"), "amr", strings.Join(g.AMR, ", ")},
			{l.say("Đăng nhập lúc", "Signed in at"), "auth_time", localTime(l, g.AuthTime)},
			{l.say("Mã riêng của Quý vị ở cổng này", "Your own code at this portal"), "sub", g.Subject},
			{l.say("Phiên", "Sign-in session"), "sid", g.SID},
			{l.say("Loại mã truy cập", "Kind of access token"), "token_type", r.TokenType},
		}),
		Header:   pretty(r.IDTokenHeader),
		Claims:   pretty(r.IDTokenClaims),
		UserInfo: pretty(r.UserInfo),
	}
}

func askedFacts(l lang, a Asked) []fact {
	maxAge := ""
	if a.MaxAge != nil {
		maxAge = strconv.Itoa(*a.MaxAge)
	}
	return known([]fact{
		{l.say("Dữ liệu", "Data"), "scope", a.Scope},
		{l.say("Mức muốn có", "Level wanted"), "acr_values", a.ACRValues},
		{l.say("Mức bắt buộc", "Level required"), "claims", string(a.Claims)},
		{l.say("Cách hỏi", "Way of asking"), "prompt", a.Prompt},
		{l.say("Lần đăng nhập cũ nhất (giây)", "Oldest sign-in (seconds)"), "max_age", maxAge},
	})
}

// known leaves out what was not sent.
func known(facts []fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

// variants are the ways of asking on the home page.
func (p *Portal) variants(l lang) []variant {
	zero := 0
	one, two := []eid.Level{eid.Level1}, []eid.Level{eid.Level2}
	v := p.cfg.ACR
	return []variant{
		{l.say("Hỏi mức 1", "Ask for Level 1"), "acr_values=" + v.Level1, ask{levels: one}.path()},
		{l.say("Hỏi mức 2", "Ask for Level 2"), "acr_values=" + v.Level2, ask{levels: two}.path()},
		{l.say("Muốn mức 2, nhận cả mức 1", "Want Level 2, take Level 1 too"), "acr_values=" + v.Level2 + " " + v.Level1, ask{levels: []eid.Level{eid.Level2, eid.Level1}}.path()},
		{l.say("Bắt buộc mức 2", "Require Level 2"), `claims={"id_token":{"acr":{"essential":true,…}}}`, ask{levels: two, essential: true}.path()},
		{l.say("Không mở trang nào", "Open no page"), "prompt=none", ask{prompt: "none"}.path()},
		{l.say("Bắt buộc đăng nhập lại", "Require a new sign-in"), "prompt=login", ask{prompt: "login"}.path()},
		{l.say("Chỉ nhận lần đăng nhập mới", "Take a new sign-in only"), "max_age=0", ask{maxAge: &zero}.path()},
	}
}

func (p *Portal) problem(w http.ResponseWriter, r *http.Request, status int, pr problem) {
	l := p.lang(r)
	p.render(w, r, status, "problem", struct {
		shell
		Title, Text, Label string
	}{p.shell(l, pr.Title.in(l)), pr.Title.in(l), pr.Text.in(l), pr.Label.in(l)})
}

// render writes a page whole or not at all.
func (p *Portal) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var page bytes.Buffer
	l := p.lang(r)
	if err := pages()[l].ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "page failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(l))
	w.Header().Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w)
}

func style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	http.ServeFileFS(w, r, files, "pages/portal.css")
}

// headers sets what every answer carries. Nothing of another origin is loaded,
// no script runs, and no address leaves with a Referer.
func (p *Portal) headers(next http.Handler) http.Handler {
	// The button that signs out everywhere leads to the gateway by a redirect.
	gateway := p.cfg.Issuer
	if u, err := url.Parse(p.cfg.Issuer); err == nil {
		gateway = u.Scheme + "://" + u.Host
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; form-action 'self' "+gateway+"; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "strict-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return string(raw)
	}
	return out.String()
}

// localTime shows a time as people in Vietnam read it.
func localTime(l lang, unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).In(vietnamTime).Format(l.say("15:04:05 ngày 02/01/2006", "2 January 2006, 15:04:05 (GMT+7)"))
}
