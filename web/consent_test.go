package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

func TestMaskedClaimsAreReadAloud(t *testing.T) {
	tests := []struct{ value, want string }{
		{"••• ••• ••• 789", "789"},
		{"••• 789", "789"},
		{"789", ""},
		{"", ""},
		{"•••", ""},
		{"••• •••", ""},
		{"n•••@example.test", ""},
		{"Số 1 đường Mẫu", ""},
		{"0900 ••• 789", ""},
	}
	for _, tt := range tests {
		if got := (ConsentClaim{Value: tt.value}).Ends(); got != tt.want {
			t.Errorf("Ends(%q) = %q, want %q", tt.value, got, tt.want)
		}
	}
	body := render(newPages(t), Page{Name: "consent", Data: ConsentData{
		Common: Common{Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}},
		Claims: []ConsentClaim{{Name: "phone_number", Value: "••• ••• 789", Source: Label{Text: "Mẫu"}}}}}).Body.String()
	for _, want := range []string{`aria-hidden="true">••• ••• 789<`, "kết thúc bằng 789", "Nguồn: Mẫu"} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q", want)
		}
	}
}

// TestConsentShowsWhatIsSent also finds that every claim has its label, and that
// none is shown which was not given.
func TestConsentShowsWhatIsSent(t *testing.T) {
	p := newPages(t)
	var claims []ConsentClaim
	for _, name := range ConsentClaims() {
		claims = append(claims, ConsentClaim{Name: name, Value: "value of " + name, Source: Label{Text: "source of " + name}})
	}
	data := ConsentData{Common: Common{Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}}, Claims: claims, Level: eid.Level2}
	var want, got []string
	for _, claim := range claims {
		label, err := vietnamese(t).text("claim." + claim.Name)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, label+"="+claim.Value+"Nguồn: "+claim.Source.Text)
	}
	want = append(want, "Mức định danh=Định danh mức 2")
	all := parse(t, render(p, Page{Name: "consent", Data: data}).Body.String())
	for i, e := range all {
		if e.name == "dt" && len(got) < len(want) {
			got = append(got, e.text+"="+all[i+1].text)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("page shows %q, want %q", got, want)
	}
}

func TestConsentAsksOrInforms(t *testing.T) {
	p := newPages(t)
	asks := ConsentData{
		Common:  Common{Portal: Label{Text: "Cổng mẫu"}, Form: Hidden{Action: "/login", Login: "l", CSRF: "c"}},
		Purpose: Label{Text: "Mục đích mẫu"}, Until: time.Date(2027, 11, 21, 17, 0, 0, 0, time.UTC), // 22/11 in Viet Nam
	}
	once, informs := asks, asks
	once.Until = time.Time{}
	informs.LegalBasis = Label{Text: "Luật mẫu"}
	asking := []string{"Xác nhận chia sẻ", "Không chia sẻ", "rút lại bất cứ lúc nào ở Tài khoản của tôi"}
	tests := []struct {
		name       string
		data       ConsentData
		has, lacks []string
	}{
		{"asks", asks, append([]string{"Mục đích mẫu", "Ghi nhớ", "Đến 22/11/2027"}, asking...), []string{"Căn cứ", "Chỉ lần"}},
		{"asks for this once", once, append([]string{"Ghi nhớ", "Chỉ lần đăng nhập này"}, asking...), []string{"<dd>Đến"}},
		{"informs", informs, []string{"Thông tin sẽ được gửi", "Luật mẫu", "Mục đích mẫu", "Tiếp tục", "Quay lại Cổng mẫu"}, append([]string{"Ghi nhớ", "Chỉ lần"}, asking...)},
	}
	for _, tt := range tests {
		body := render(p, Page{Name: "consent", Data: tt.data}).Body.String()
		for _, text := range tt.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: page lacks %q", tt.name, text)
			}
		}
		for _, text := range tt.lacks {
			if strings.Contains(body, text) {
				t.Errorf("%s: page says %q", tt.name, text)
			}
		}
	}
}

// TestUnknownClaimIsNotShared: a claim that cannot be named to the holder fails
// the page.
func TestUnknownClaimIsNotShared(t *testing.T) {
	captureLog(t)
	w := render(newPages(t), Page{Name: "consent", Data: ConsentData{Claims: []ConsentClaim{{Name: "shoe_size", Value: "x"}}}})
	if w.Code != 500 || strings.Contains(w.Body.String(), "shoe_size") {
		t.Errorf("status = %d, want a clean 500:\n%s", w.Code, w.Body)
	}
}

func TestConsentClaimIsShownAsPeopleWriteIt(t *testing.T) {
	vi, en := catalogueOf(t, "vi"), catalogueOf(t, "en")
	tests := []struct{ name, value, coded, vi, en string }{
		{"gender", "female", "female", "female", "female"},
		{"gender", "other", "", "other", "other"},
		{"nationalities", "VNM", "VNM", "VNM", "VNM"},
		{"nationalities", "LAO", "", "LAO", "LAO"},
		{"birthdate", "1988-03-08", "", "08/03/1988", "8 March 1988"},
		{"birthdate", "1988", "", "1988", "1988"},
		{"name", "female", "", "female", "female"},
	}
	for _, tt := range tests {
		c := ConsentClaim{Name: tt.name, Value: tt.value}
		inVi, viErr := vi.claim(c)
		inEn, enErr := en.claim(c)
		if viErr != nil || enErr != nil || c.Coded() != tt.coded || inVi != tt.vi || inEn != tt.en {
			t.Errorf("%s %q is %q, %q, %q, want %q, %q, %q", tt.name, tt.value, c.Coded(), inVi, inEn, tt.coded, tt.vi, tt.en)
		}
	}
}
