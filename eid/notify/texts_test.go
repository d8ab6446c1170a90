package notify_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

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

// TestEveryNoticeIsPlain holds each text to what people can read, in both languages.
func TestEveryNoticeIsPlain(t *testing.T) {
	for _, kind := range notify.Kinds() {
		m := written(t, notify.Notice{ID: "N", Kind: kind, To: eid.NewSecret("nguoi.dung@example.vn"), Ref: "REF-1"}, place())
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
		// Whoever reads the mail signs in nowhere by a click: home addresses and the page of links.
		for _, address := range regexp.MustCompile(`https?://[^\s,]+`).FindAllString(m.Body, -1) {
			switch strings.TrimRight(address, ".") {
			case "https://dangnhap.example.vn", "https://dangnhap.example.vn/links", "https://cong.example.vn":
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
