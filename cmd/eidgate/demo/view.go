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
	"time"

	"eidgate/eid"
)

//go:embed pages
var files embed.FS

const stylePath = "/portal.css"

var (
	pages = template.Must(template.ParseFS(files, "pages/*.html"))
	// vietnamTime has known no other offset since 1975 (ICT).
	vietnamTime = time.FixedZone("+07", 7*60*60)
)

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

func (p *Portal) shell(heading string) shell {
	return shell{
		Heading: heading, Portal: p.cfg.Title, MinLevel: p.cfg.MinLevel,
		Issuer: p.cfg.Issuer, Client: p.cfg.ClientID, Style: stylePath,
	}
}

func (p *Portal) homeView(s session) homeView {
	v := homeView{shell: p.shell(p.cfg.Title), Service: "Tra cứu tình trạng hồ sơ", Variants: p.variants()}
	if p.cfg.MinLevel == eid.Level2 {
		v.Service = "Nộp hồ sơ trực tuyến"
	}
	if f := s.failure; f != nil {
		ad := adviseOn(*f.Error, f.ask, p.cfg.MinLevel)
		v.Heading = ad.Title
		v.Failure = &failureView{advice: ad, Failure: *f.Error, Path: ad.Next.path(), Asked: askedFacts(*f.Asked)}
	}
	if r := s.signIn; r != nil {
		v.SignIn = p.signInView(r)
	}
	return v
}

func (p *Portal) signInView(r *Result) *signInView {
	var info struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(r.UserInfo, &info) // a name of another type is as good as none
	g := r.Granted
	return &signInView{
		Name:       clip(info.Name, maxErrorCode),
		Level:      g.Level,
		Reasons:    reasons(p.cfg.MinLevel, r.ask, g.Level),
		Comparison: comparison(p.cfg.MinLevel, r.ask, g.Level),
		Asked:      askedFacts(*r.Asked),
		Granted: known([]fact{
			{"Mức định danh", "acr", g.ACR},
			{"Cách xác thực", "amr", strings.Join(g.AMR, ", ")},
			{"Đăng nhập lúc", "auth_time", localTime(g.AuthTime)},
			{"Mã riêng của Quý vị ở cổng này", "sub", g.Subject},
			{"Phiên", "sid", g.SID},
			{"Loại mã truy cập", "token_type", r.TokenType},
		}),
		Header:   pretty(r.IDTokenHeader),
		Claims:   pretty(r.IDTokenClaims),
		UserInfo: pretty(r.UserInfo),
	}
}

func askedFacts(a Asked) []fact {
	maxAge := ""
	if a.MaxAge != nil {
		maxAge = strconv.Itoa(*a.MaxAge)
	}
	return known([]fact{
		{"Dữ liệu", "scope", a.Scope},
		{"Mức muốn có", "acr_values", a.ACRValues},
		{"Mức bắt buộc", "claims", string(a.Claims)},
		{"Cách hỏi", "prompt", a.Prompt},
		{"Lần đăng nhập cũ nhất (giây)", "max_age", maxAge},
	})
}

// known leaves out what was not sent.
func known(facts []fact) []fact {
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

// variants are the ways of asking on the home page.
func (p *Portal) variants() []variant {
	zero := 0
	one, two := []eid.Level{eid.Level1}, []eid.Level{eid.Level2}
	v := p.cfg.ACR
	return []variant{
		{"Hỏi mức 1", "acr_values=" + v.Level1, ask{levels: one}.path()},
		{"Hỏi mức 2", "acr_values=" + v.Level2, ask{levels: two}.path()},
		{"Muốn mức 2, nhận cả mức 1", "acr_values=" + v.Level2 + " " + v.Level1, ask{levels: []eid.Level{eid.Level2, eid.Level1}}.path()},
		{"Bắt buộc mức 2", `claims={"id_token":{"acr":{"essential":true,…}}}`, ask{levels: two, essential: true}.path()},
		{"Không mở trang nào", "prompt=none", ask{prompt: "none"}.path()},
		{"Bắt buộc đăng nhập lại", "prompt=login", ask{prompt: "login"}.path()},
		{"Chỉ nhận lần đăng nhập mới", "max_age=0", ask{maxAge: &zero}.path()},
	}
}

func (p *Portal) problem(w http.ResponseWriter, status int, pr problem) {
	p.render(w, status, "problem", struct {
		shell
		problem
	}{p.shell(pr.Title), pr})
}

// render writes a page whole or not at all.
func (p *Portal) render(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "page failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
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
func localTime(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).In(vietnamTime).Format("15:04:05 02/01/2006")
}
