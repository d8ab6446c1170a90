package notify

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

//go:embed messages/*.tmpl
var messages embed.FS

// languages are those of every message, in their order.
func languages() []string { return []string{"vi", "en"} }

// Texts are what notices say: in Vietnamese, then in English. The language of a holder
// is not known where nobody is at a browser.
type Texts struct {
	gateway string
	byTag   map[string]*template.Template
}

// NewTexts reads the texts. gateway is the address of the gateway as people read it.
func NewTexts(gateway string) (*Texts, error) {
	t := &Texts{gateway: gateway, byTag: map[string]*template.Template{}}
	for _, tag := range languages() {
		parsed, err := template.New(tag).Option("missingkey=error").ParseFS(messages, "messages/"+tag+".tmpl")
		if err != nil {
			return nil, fmt.Errorf("reading the messages in %s: %w", tag, err)
		}
		t.byTag[tag] = parsed
	}
	return t, nil
}

// Place is what the texts name of where an old account is.
type Place struct {
	Portal   string // as people call it
	PortalEN string // in English; empty: Portal
	URL      string // its home; may be empty
	// Stops is the first moment at which an account that is not verified is refused.
	Stops time.Time
}

// Message writes what a notice says.
func (t *Texts) Message(n Notice, at Place) (Message, error) {
	m := Message{ID: n.ID, To: n.To}
	var bodies []string
	for _, tag := range languages() {
		portal := line(at.Portal)
		if tag != "vi" && at.PortalEN != "" {
			portal = line(at.PortalEN)
		}
		fields := map[string]string{
			"Gateway": t.gateway, "Portal": portal, "PortalURL": line(at.URL), "Stops": moment(at.Stops, tag), "Ref": line(n.Ref),
		}
		say := func(name string) (string, error) {
			var text strings.Builder
			if err := t.byTag[tag].ExecuteTemplate(&text, name, fields); err != nil {
				return "", fmt.Errorf("writing %s in %s: %w", name, tag, err)
			}
			return text.String(), nil
		}
		subject, err := say(string(n.Kind) + ".subject")
		if err != nil {
			return Message{}, err
		}
		if m.Subject == "" {
			m.Subject = subject
		}
		body, err := say(string(n.Kind))
		if err != nil {
			return Message{}, err
		}
		foot, err := say("foot")
		if err != nil {
			return Message{}, err
		}
		if tag != "vi" {
			body = subject + "\n\n" + body
		}
		bodies = append(bodies, body+"\n\n"+foot+"\n")
	}
	m.Body = strings.Join(bodies, "\n----\n\n")
	return m, nil
}

// moment is a date as people in Việt Nam read it, with the hour where it is no midnight.
func moment(t time.Time, tag string) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(time.FixedZone("+07", 7*60*60))
	day := t.Format("02/01/2006")
	if tag == "vi" {
		day = "ngày " + day
	}
	if t.Hour() == 0 && t.Minute() == 0 {
		return day
	}
	return t.Format("15:04") + " " + day
}

// line keeps a name that was registered on one line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
