package web

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

//go:embed messages
var messageFiles embed.FS

// catalogue holds the messages of one language.
type catalogue struct {
	tag       language.Tag
	localizer *i18n.Localizer
	parser    template.Parser
	ids       map[string]bool
}

// maxSteps is how many steps a way forward may have.
const maxSteps = 3

// loadCatalogues reads messages/<tag>.json, Vietnamese first. A language that
// lacks a message fails where it is used and never falls back silently.
func loadCatalogues() ([]*catalogue, error) {
	entries, err := messageFiles.ReadDir("messages")
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	var all []*catalogue
	for _, e := range entries {
		c, err := loadCatalogue(path.Join("messages", e.Name()))
		if err != nil {
			return nil, err
		}
		if c.tag == language.Vietnamese {
			all = slices.Insert(all, 0, c)
		} else {
			all = append(all, c)
		}
	}
	if len(all) == 0 || all[0].tag != language.Vietnamese {
		return nil, fmt.Errorf("reading messages: no Vietnamese")
	}
	return all, nil
}

func loadCatalogue(name string) (*catalogue, error) {
	body, err := messageFiles.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	file, err := i18n.ParseMessageFileBytes(body, name, nil)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", name, err)
	}
	bundle := i18n.NewBundle(file.Tag)
	if err := bundle.AddMessages(file.Tag, file.Messages...); err != nil {
		return nil, fmt.Errorf("parsing %s: %w", name, err)
	}
	c := &catalogue{
		tag:       file.Tag,
		localizer: i18n.NewLocalizer(bundle, file.Tag.String()),
		parser:    &template.TextParser{Option: "missingkey=error"},
		ids:       make(map[string]bool),
	}
	for _, m := range file.Messages {
		c.ids[m.ID] = true
	}
	return c, nil
}

// text gives a message. pairs are the names and values of its parameters.
func (c *catalogue) text(id string, pairs ...any) (string, error) {
	params, err := parameters(pairs)
	if err != nil {
		return "", fmt.Errorf("message %s: %w", id, err)
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

// The forms in which pages show a time; each gives "" for the zero time.

func clock(t time.Time) string { return local(t, "15:04") }
func date(t time.Time) string  { return local(t, "02/01/2006") }
func when(t time.Time) string  { return local(t, "02/01/2006 15:04") }

func local(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.In(lawZone).Format(layout)
}
