package web

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	parser "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

//go:embed messages
var messageFiles embed.FS

// catalogue holds the messages of one language.
type catalogue struct {
	tag       language.Tag
	localizer *i18n.Localizer
	parser    parser.Parser
	ids       map[string]bool
}

// maxSteps is how many steps a way forward may have.
const maxSteps = 3

// loadCatalogues reads the messages of every language served. A language that lacks a
// message fails where it is used and never falls back silently.
func loadCatalogues() ([]*catalogue, error) {
	var all []*catalogue
	for _, tag := range served() {
		c, err := loadCatalogue(tag)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func loadCatalogue(tag string) (*catalogue, error) {
	file, err := readMessages(tag)
	if err != nil {
		return nil, err
	}
	return newCatalogue(file)
}

// readMessages reads messages/<tag>.json, the sign-in, and messages/<part>.<tag>.json,
// one for each other part of the pages. No message stands in two of them.
func readMessages(tag string) (*i18n.MessageFile, error) {
	names, err := fs.Glob(messageFiles, path.Join("messages", "*"+tag+".json"))
	if err != nil {
		return nil, fmt.Errorf("finding messages: %w", err)
	}
	all, seen := &i18n.MessageFile{Tag: language.Make(tag)}, make(map[string]bool)
	for _, name := range names {
		body, err := messageFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading messages: %w", err)
		}
		file, err := i18n.ParseMessageFileBytes(body, name, nil)
		if err != nil {
			return nil, fmt.Errorf("parsing %s: %w", name, err)
		}
		for _, m := range file.Messages {
			if seen[m.ID] {
				return nil, fmt.Errorf("parsing %s: %s stands in another file too", name, m.ID)
			}
			seen[m.ID] = true
		}
		all.Messages = append(all.Messages, file.Messages...)
	}
	return all, nil
}

func newCatalogue(file *i18n.MessageFile) (*catalogue, error) {
	bundle := i18n.NewBundle(file.Tag)
	if err := bundle.AddMessages(file.Tag, file.Messages...); err != nil {
		return nil, fmt.Errorf("parsing messages in %s: %w", file.Tag, err)
	}
	c := &catalogue{
		tag:       file.Tag,
		localizer: i18n.NewLocalizer(bundle, file.Tag.String()),
		parser:    &parser.TextParser{Option: "missingkey=error"},
		ids:       make(map[string]bool),
	}
	for _, m := range file.Messages {
		c.ids[m.ID] = true
	}
	return c, nil
}

// text gives a message. pairs are the names and values of its parameters.
func (c *catalogue) text(id string, pairs ...any) (string, error) {
	return c.message(id, pairs, func(v any) any {
		if l, ok := v.(Label); ok {
			return c.plain(l)
		}
		return v
	})
}

// say gives a message for a page: labels in another language than the page are
// marked in it. Messages hold nothing that HTML would read; what is put into them
// is escaped here.
func (c *catalogue) say(id string, pairs ...any) (template.HTML, error) {
	text, err := c.message(id, pairs, func(v any) any {
		switch v := v.(type) {
		case Label:
			return string(c.name(v))
		case string:
			return template.HTMLEscapeString(v)
		}
		return v
	})
	return template.HTML(text), err //nolint:gosec // see above
}

func (c *catalogue) message(id string, pairs []any, show func(any) any) (string, error) {
	params, err := parameters(pairs)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", id, err)
	}
	for name, v := range params {
		params[name] = show(v)
	}
	return c.localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: params})
}

// count gives a message in the plural form for n.
func (c *catalogue) count(id string, n int) (string, error) {
	return c.localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateData: map[string]any{"Count": n}})
}

// localize fails on a parameter that the caller did not give.
func (c *catalogue) localize(config *i18n.LocalizeConfig) (string, error) {
	config.TemplateParser = c.parser
	return c.localizer.Localize(config)
}

// steps gives the messages prefix.step1, prefix.step2 … as far as they exist.
func (c *catalogue) steps(prefix string, pairs ...any) ([]string, error) {
	var steps []string
	for i := range maxSteps {
		id := fmt.Sprintf("%s.step%d", prefix, i+1)
		if !c.ids[id] {
			break
		}
		step, err := c.text(id, pairs...)
		if err != nil {
			return nil, err
		}
		if step != "" { // it says nothing to this reader
			steps = append(steps, step)
		}
	}
	return steps, nil
}

func parameters(pairs []any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("parameter without value")
	}
	params := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("parameter name %T", pairs[i])
		}
		params[name] = pairs[i+1]
	}
	return params, nil
}

// lawZone is the zone of all times that pages show: Asia/Ho_Chi_Minh, which has
// kept UTC+7 since 1975. A fixed zone needs no time-zone files on the machine.
var lawZone = time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)

// The forms in which pages show a time, as layouts of package time in the
// messages; each gives "" for the zero time.

func (c *catalogue) clock(t time.Time) (string, error) { return c.local("format.clock", t.In(lawZone)) }
func (c *catalogue) date(t time.Time) (string, error)  { return c.local("format.date", t.In(lawZone)) }
func (c *catalogue) when(t time.Time) (string, error)  { return c.local("format.when", t.In(lawZone)) }

func (c *catalogue) local(id string, t time.Time) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	layout, err := c.text(id)
	if err != nil {
		return "", err
	}
	return t.Format(layout), nil
}

// claim is a value as people write it: a date in the order of the language.
func (c *catalogue) claim(claim ConsentClaim) (string, error) {
	if day, err := time.Parse(time.DateOnly, claim.Value); err == nil && claim.Name == "birthdate" {
		return c.local("format.date", day)
	}
	return claim.Value, nil
}
