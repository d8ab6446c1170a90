package notify

import (
	"embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode/utf16"

	"eidgate/eid"
)

//go:embed messages/*.tmpl
var messages embed.FS

// languages are those of every message, in their order.
func languages() []string { return []string{"vi", "en"} }

// Texts are what notices say: in the language of the holder where it is known, else in
// Vietnamese, and in a mail in English behind it.
type Texts struct {
	gateway, host, name string // host with its port, where it has one
	byTag               map[string]*template.Template
}

// NewTexts reads the texts. gateway is the address of the gateway as people read it.
func NewTexts(gateway string) (*Texts, error) {
	at, err := url.Parse(gateway)
	if err != nil || at.Host == "" {
		return nil, errors.New("reading the messages: the gateway has no address")
	}
	t := &Texts{gateway: gateway, host: at.Host, name: at.Hostname(), byTag: map[string]*template.Template{}}
	for _, tag := range languages() {
		parsed, err := template.New(tag).Option("missingkey=error").ParseFS(messages, "messages/*."+tag+".tmpl")
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

// Message writes what a notice says on its channel.
func (t *Texts) Message(n Notice, at Place) (Message, error) {
	m := Message{ID: n.ID, To: n.To}
	tags := languages()
	if slices.Contains(tags, n.Language) {
		tags = []string{n.Language}
	}
	if n.Channel == SMS {
		text, err := t.short(tags[0], n)
		m.Body = eid.NewSecret(text)
		return m, err
	}
	var bodies []string
	for i, tag := range tags {
		subject, body, err := t.letter(tag, n, at)
		if err != nil {
			return Message{}, err
		}
		if i == 0 {
			m.Subject = subject
		} else {
			body = subject + "\n\n" + body
		}
		bodies = append(bodies, body+"\n")
	}
	m.Body = eid.NewSecret(strings.Join(bodies, "\n----\n\n"))
	return m, nil
}

// letter is the text of a mail in one language.
func (t *Texts) letter(tag string, n Notice, at Place) (subject, body string, err error) {
	portal := line(at.Portal)
	if tag != "vi" && at.PortalEN != "" {
		portal = line(at.PortalEN)
	}
	fields := t.fields(tag, n)
	fields["Portal"], fields["PortalURL"], fields["Stops"] = portal, line(at.URL), moment(at.Stops, tag)
	var parts [3]string
	for i, name := range []string{string(n.Kind) + ".subject", string(n.Kind), "foot"} {
		if parts[i], err = t.say(tag, name, fields); err != nil {
			return "", "", err
		}
	}
	return parts[0], parts[1] + "\n\n" + parts[2], nil
}

// maxSMS is how many characters one SMS holds where one of them is Vietnamese: UTF-16
// code units (3GPP TS 23.038 §6.2.3).
const maxSMS = 70

// short is the text of an SMS: the most of it that one message holds. A code has a last
// line that binds it to our host: a phone offers it on our pages alone
// (wicg.github.io/sms-one-time-codes).
func (t *Texts) short(tag string, n Notice) (string, error) {
	fields := t.fields(tag, n)
	long, err := t.say(tag, "sms."+string(n.Kind), fields)
	if err != nil {
		return "", err
	}
	brief, err := t.say(tag, "sms."+string(n.Kind)+".short", fields)
	if err != nil {
		return "", err
	}
	choice := []string{long, brief}
	if n.Kind == Code || n.Kind == Activation {
		bound := "\n@" + t.name + " #" + n.Code.Reveal()
		choice = []string{long + bound, brief + bound, long, brief}
	}
	for _, text := range choice {
		if len(utf16.Encode([]rune(text))) <= maxSMS {
			return text, nil
		}
	}
	return brief, nil
}

// fields are what texts of a language may name.
func (t *Texts) fields(tag string, n Notice) map[string]string {
	return map[string]string{
		"Gateway": t.gateway, "Host": t.host, "Code": line(n.Code.Reveal()), "Ref": line(n.Ref), "At": moment(n.CreatedAt, tag), "Until": moment(n.Until, tag),
	}
}

func (t *Texts) say(tag, name string, fields map[string]string) (string, error) {
	var text strings.Builder
	if err := t.byTag[tag].ExecuteTemplate(&text, name, fields); err != nil {
		return "", fmt.Errorf("writing %s in %s: %w", name, tag, err)
	}
	return text.String(), nil
}

// moment is a date as people in Việt Nam read it, with the hour where it is no midnight.
func moment(t time.Time, tag string) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(eid.LawTime())
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
