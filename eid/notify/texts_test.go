package notify_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"

	"eidgate/eid"
	"eidgate/eid/notify"
)

func place() notify.Place {
	return notify.Place{
		Portal: "Cổng dịch vụ công tỉnh Giả Định", PortalEN: "Invented province's portal", URL: "https://cong.example.vn",
		Stops: time.Date(2027, 6, 30, 17, 0, 0, 0, time.UTC),
	}
}

func written(t *testing.T, n notify.Notice, at notify.Place) notify.Message {
	t.Helper()
	texts, err := notify.NewTexts("https://dangnhap.example.vn")
	if err != nil {
		t.Fatalf("NewTexts(): %v", err)
	}
	m, err := texts.Message(n, at)
	if err != nil {
		t.Fatalf("Message(%s): %v", n.Kind, err)
	}
	return m
}

func notice(kind notify.Kind, ch notify.Channel, language string) notify.Notice {
	at := time.Date(2026, 11, 22, 7, 30, 0, 0, time.UTC)
	n := notify.Notice{ID: "N", Kind: kind, Channel: ch, To: eid.NewSecret("nguoi.dung@example.vn"), Ref: "K7QF-2M9D", Language: language, CreatedAt: at, Until: at.Add(5 * time.Minute)}
	if kind.Urgent() {
		n.Code = eid.NewSecret("493817")
	}
	return n
}

// TestEveryNoticeIsPlain holds each text to what people can read, in both languages.
func TestEveryNoticeIsPlain(t *testing.T) {
	for _, kind := range notify.Kinds() {
		m := written(t, notice(kind, notify.Email, ""), place())
		if m.Subject == "" || len([]rune(m.Subject)) > 70 || strings.Contains(m.Subject, "\n") {
			t.Errorf("%s: subject %q, want one line of 70 characters at most", kind, m.Subject)
		}
		if n := strings.Count(m.Body, "\n----\n"); n != 1 {
			t.Errorf("%s: %d separators, want the two languages", kind, n)
		}
		if strings.Contains(m.Body, "<no value>") || strings.Contains(m.Body, "{{") || strings.Contains(m.Body, "nguoi.dung") {
			t.Errorf("%s: %q", kind, m.Body)
		}
		for _, sentence := range regexp.MustCompile(`[.:]\s|\n`).Split(m.Body, -1) {
			if n := len(strings.Fields(sentence)); n > 20 {
				t.Errorf("%s: a sentence of %d words: %q", kind, n, sentence)
			}
		}
		// Whoever reads the mail signs in nowhere by a click: home addresses, and pages that ask who comes.
		for _, address := range regexp.MustCompile(`https?://[^\s,]+`).FindAllString(m.Body, -1) {
			switch strings.TrimRight(address, ".") {
			case "https://dangnhap.example.vn", "https://cong.example.vn", "https://dangnhap.example.vn/links", "https://dangnhap.example.vn/activate",
				"https://dangnhap.example.vn/recover", "https://dangnhap.example.vn/me":
			default:
				t.Errorf("%s: the address %q", kind, address)
			}
		}
	}
}

// TestASideReadsOfItselfAlone: what goes to the holder names no portal, what goes to the
// old account names nobody's identity.
func TestASideReadsOfItselfAlone(t *testing.T) {
	for _, kind := range notify.Kinds() {
		m := written(t, notify.Notice{Kind: kind}, place())
		if named := strings.Contains(m.Body, "Giả Định") || strings.Contains(m.Body, "Invented"); named != kind.ToOldAccount() {
			t.Errorf("%s names the portal: %v, want %v", kind, named, kind.ToOldAccount())
		}
	}
}

func TestTheDayIsOneOfVietNam(t *testing.T) {
	at := place()
	m := written(t, notify.Notice{Kind: notify.OldStops}, at)
	if !strings.Contains(m.Subject, "từ ngày 01/07/2027") || !strings.Contains(m.Body, "From 01/07/2027 on") {
		t.Errorf("midnight reads %q and %q", m.Subject, m.Body)
	}
	at.Stops = at.Stops.Add(90 * time.Minute)
	if m := written(t, notify.Notice{Kind: notify.OldStops}, at); !strings.Contains(m.Subject, "từ 01:30 ngày 01/07/2027") {
		t.Errorf("another hour reads %q", m.Subject)
	}
}

func TestANameBreaksNoLine(t *testing.T) {
	at := place()
	at.Portal = "Cổng\r\nBcc: a@example.vn"
	if m := written(t, notify.Notice{Kind: notify.OldLinked}, at); strings.Contains(m.Body, "\nBcc") {
		t.Errorf("the body is %q", m.Body)
	}
}

// TestALanguageThatIsKnownIsTheOnlyOne in a mail.
func TestALanguageThatIsKnownIsTheOnlyOne(t *testing.T) {
	for language, want := range map[string]string{"vi": "Mã xác nhận của Quý vị", "en": "Your confirmation code", "": "Mã xác nhận của Quý vị", "km": "Mã xác nhận của Quý vị"} {
		m := written(t, notice(notify.Code, notify.Email, language), place())
		both := strings.Contains(m.Body, "Your confirmation code\n") // the second subject
		if known := language == "vi" || language == "en"; m.Subject != want || both == known {
			t.Errorf("%q: subject %q, both languages: %v", language, m.Subject, both)
		}
	}
}

// banned are the words that no holder is told (web/catalogue_test.go).
var banned = regexp.MustCompile(`(?i)(^|[^\pL\pN])(oidc|oauth|openid|sso|idp|saml|tokens?|acr|amr|sessions?|redirect\pL*|federat\pL*|identity providers?|phiên|chuyển hướng|mã thông báo|liên đoàn|nhà cung cấp danh tính|bạn|ông|bà|công dân|mức độ)([^\pL\pN]|$)`)

func TestNoBannedWords(t *testing.T) {
	for _, kind := range notify.Kinds() {
		for _, n := range []notify.Notice{notice(kind, notify.Email, ""), notice(kind, notify.SMS, "vi"), notice(kind, notify.SMS, "en")} {
			if n.Channel == notify.SMS && kind.OfLink() {
				continue // these go by mail alone
			}
			m := written(t, n, notify.Place{})
			if word := banned.FindString(m.Subject + "\n" + m.Body); word != "" {
				t.Errorf("%s by %s says %q", kind, n.Channel, word)
			}
		}
	}
}

// TestAnSMSIsOneMessage: 70 characters at most for every kind and language, whatever the
// name of our host; a code comes first, and where there is room is bound to the host.
func TestAnSMSIsOneMessage(t *testing.T) {
	for _, host := range []string{"eid.vn", "dangnhap.example.vn", "dinhdanhdientu.dienbien.gov.vn", strings.Repeat("a", 60) + ".vn"} {
		texts, err := notify.NewTexts("https://" + host + ":8443")
		if err != nil {
			t.Fatalf("NewTexts(): %v", err)
		}
		for _, kind := range notify.Kinds() {
			if kind.OfLink() {
				continue
			}
			for _, language := range []string{"", "vi", "en"} {
				n := notice(kind, notify.SMS, language)
				if kind == notify.FirstPassword {
					n.Code = eid.NewSecret("Kp7x-Tm4q-9wRd")
				}
				m, err := texts.Message(n, notify.Place{})
				if err != nil {
					t.Fatalf("Message(%s): %v", kind, err)
				}
				if n := len(utf16.Encode([]rune(m.Body))); n > 70 || n < 10 || !norm.NFC.IsNormalString(m.Body) || m.Subject != "" {
					t.Errorf("%s at %s: %d characters: %q", kind, host, n, m.Body)
				}
				lines := strings.Split(m.Body, "\n")
				if kind.Urgent() && !strings.HasPrefix(m.Body, n.Code.Reveal()) {
					t.Errorf("%s: the code is not first: %q", kind, m.Body)
				}
				coded := kind == notify.Code || kind == notify.Activation
				if want := coded && len(host) < 40; want != (lines[len(lines)-1] == "@"+host+" #493817") || len(lines) > 2 {
					t.Errorf("%s at %s: %q; bound to the host: want %v", kind, host, m.Body, want)
				}
				if long := host == "eid.vn" || host == "dangnhap.example.vn"; coded && long && !strings.Contains(m.Body, "Đừng đưa") && !strings.Contains(m.Body, "Give it to nobody") {
					t.Errorf("%s at %s does not warn: %q", kind, host, m.Body)
				}
			}
		}
	}
}

// TestNothingIsATemplate: what stands in a notice is text, whatever it looks like.
func TestNothingIsATemplate(t *testing.T) {
	n := notice(notify.Locked, notify.Email, "vi")
	n.Ref = `{{.Gateway}}{{template "foot" .}}` + "\r\nBcc: a@example.vn"
	if m := written(t, n, place()); !strings.Contains(m.Body, `{{.Gateway}}{{template "foot" .}}`) || strings.Contains(m.Body, "\nBcc") {
		t.Errorf("the body is %q", m.Body)
	}
}
