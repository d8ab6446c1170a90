// Package web owns the layout, style sheet, messages and form helpers of every
// page.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

//go:embed templates
var templateFiles embed.FS

// Pages renders the pages of the gateway. It is safe for concurrent use.
type Pages struct {
	assets    *assets
	matcher   language.Matcher
	templates map[string]map[string]pageTemplate // by language tag, then by page name
}

// pageTemplate parses the template of a page when the page is first shown. All of
// them would be more than a third of what an idle gateway has on its heap.
type pageTemplate func() (*template.Template, error)

// New parses the messages, and what all pages share, once per language. What does
// not parse is an error; that each page parses is for the tests to see.
func New() (*Pages, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	catalogues, err := loadCatalogues()
	if err != nil {
		return nil, err
	}
	p := &Pages{assets: assets, templates: make(map[string]map[string]pageTemplate, len(catalogues))}
	var tags []language.Tag
	for _, c := range catalogues {
		pages, err := parsePages(c, catalogues, assets)
		if err != nil {
			return nil, fmt.Errorf("parsing pages in %s: %w", c.tag, err)
		}
		tags = append(tags, c.tag)
		p.templates[c.tag.String()] = pages
	}
	p.matcher = language.NewMatcher(tags)
	return p, nil
}

// Assets serves the style sheet and the icon under /assets/.
func (p *Pages) Assets() http.Handler { return p.assets }

// Page is one answer to a browser.
type Page struct {
	Name   string // names the template
	Status int    // of HTTP; 200 when zero
	Data   any    // the data struct of that page
	// Language is one of Languages; Vietnamese when empty.
	Language string
	// FormAction are origins beside our own where the page's form may end, such
	// as "http://127.0.0.1:8401" or, for a native client, "org.example.app:".
	// The caller has validated them against a registration.
	FormAction []string
	// FrameSrc are origins, http or https, that the page may load in frames;
	// none by default. The caller has validated them against a registration.
	FrameSrc []string
	// Refresh moves the page on by itself, such as "3;url=https://portal.example.vn/".
	// Browsers count the seconds from when the page and its frames have loaded
	// (HTML, "shared declarative refresh steps").
	Refresh string
}

func (p Page) language() string {
	if p.Language == "" {
		return defaultLanguage
	}
	return p.Language
}

// Render writes a page with its security headers. It renders to memory first: a
// page that fails becomes a logged error page with status 500.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, page Page) {
	tag := page.language()
	body, err := p.execute(tag, page)
	if err != nil {
		slog.ErrorContext(r.Context(), "page failed", "page", page.Name, "err", err)
		page = Page{Name: "error", Status: http.StatusInternalServerError, Language: page.Language,
			Data: ErrorData{Common: Common{Ref: reference(page.Data)}, Kind: ErrorSystem}}
		body, err = p.execute(tag, page)
	}
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	status := page.Status
	if status == 0 {
		status = http.StatusOK
	}
	setPageHeaders(r.Context(), w.Header(), pagePolicy(page))
	if page.Refresh != "" {
		w.Header().Set("Refresh", page.Refresh)
	}
	write(w, r, status, tag, body)
}

// write sends a page whose other headers are set.
func write(w http.ResponseWriter, r *http.Request, status int, tag string, body []byte) {
	w.Header().Set("Content-Language", tag)
	if AcceptsGzip(r) {
		body = zip(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a browser that left is nobody's error
}

func (p *Pages) execute(tag string, page Page) ([]byte, error) {
	parsed, ok := p.templates[tag][page.Name]
	if !ok {
		return nil, fmt.Errorf("no page %q", page.Name)
	}
	t, err := parsed()
	if err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	if c, ok := page.Data.(content); !ok || c.page() != page.Name {
		return nil, fmt.Errorf("page %q given %T", page.Name, page.Data)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", page.Data); err != nil {
		return nil, fmt.Errorf("rendering: %w", err)
	}
	return b.Bytes(), nil
}

// parsePages binds every template to one catalogue. Those in shared are part of
// every page.
func parsePages(c *catalogue, all []*catalogue, a *assets) (map[string]pageTemplate, error) {
	shared, err := template.New("").Funcs(functions(c, all, a)).ParseFS(templateFiles, "templates/shared/*.html")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	pages := make(map[string]pageTemplate, len(names))
	for _, name := range names {
		pages[strings.TrimSuffix(path.Base(name), ".html")] = sync.OnceValues(func() (*template.Template, error) {
			t, err := shared.Clone()
			if err != nil {
				return nil, err
			}
			return t.ParseFS(templateFiles, name)
		})
	}
	return pages, nil
}

// functions are what templates may call.
func functions(c *catalogue, all []*catalogue, a *assets) template.FuncMap {
	return template.FuncMap{
		"lang":      func() string { return c.tag.String() },
		"others":    func() ([]switchTo, error) { return others(c, all) },
		"t":         c.text,
		"say":       c.say,
		"name":      c.name,
		"initial":   c.initial,
		"count":     c.count,
		"steps":     c.steps,
		"asset":     a.path,
		"on":        on,
		"tail":      tail,
		"ends":      ends,
		"link":      link,
		"next":      func(i int) int { return i + 1 },
		"clock":     c.clock,
		"date":      c.date,
		"when":      c.when,
		"claim":     c.claim,
		"countries": sync.OnceValue(func() []Country { return countries(c.tag) }),
		"choice":    func(data any, field, complete, value string) choice { return choice{data, field, complete, value} },
		"row":       func(label, at, value string) row { return row{label, at, value} },
		"country":   func(code string) string { return countryName(c.tag, code) },
	}
}

// switchTo is another language that the page can be read in, under its own name.
type switchTo struct{ Tag, Name string }

func others(c *catalogue, all []*catalogue) ([]switchTo, error) {
	var list []switchTo
	for _, other := range all {
		if other.tag == c.tag {
			continue
		}
		name, err := other.text("shell.language")
		if err != nil {
			return nil, err
		}
		list = append(list, switchTo{other.tag.String(), name})
	}
	return list, nil
}
