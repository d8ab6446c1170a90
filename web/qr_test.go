package web

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	"github.com/google/go-cmp/cmp"
)

// TestQR draws the path again and compares it with the code, module by module.
func TestQR(t *testing.T) {
	const text = "otpauth://totp/eidgate:001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=eidgate"
	got, err := newQR(text)
	if err != nil {
		t.Fatal(err)
	}
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		t.Fatal(err)
	}
	if want := code.Bounds().Dx() + 8; got.Size != want {
		t.Fatalf("size = %d, want %d with four modules around", got.Size, want)
	}
	drawn := image.NewGray(image.Rect(0, 0, got.Size, got.Size))
	for _, run := range strings.Split(strings.TrimSuffix(got.Path, "z"), "z") {
		var x, y, n, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &n, &back); err != nil || n != back {
			t.Fatalf("path holds %q: %v", run, err)
		}
		for i := range n {
			drawn.SetGray(x+i, y, color.Gray{Y: 1})
		}
	}
	var dark, want []image.Point
	for y := range got.Size {
		for x := range got.Size {
			if drawn.GrayAt(x, y).Y == 1 {
				dark = append(dark, image.Pt(x-4, y-4))
			}
			at := image.Pt(x-4, y-4)
			if !at.In(code.Bounds()) {
				continue
			}
			if r, _, _, _ := code.At(at.X, at.Y).RGBA(); r == 0 {
				want = append(want, at)
			}
		}
	}
	if diff := cmp.Diff(dark, want); diff != "" {
		t.Errorf("dark modules (-got +want):\n%s", diff)
	}
	if _, err := newQR(strings.Repeat("x", 5000)); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("newQR(too long) = %v, want an error without the text", err)
	}
}

// TestAppCode: the link of the page is the address that the picture holds, and nothing but
// the address of a secret becomes a link.
func TestAppCode(t *testing.T) {
	const address = "otpauth://totp/eidgate:%E2%80%A2%20001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=eidgate"
	code, err := NewAppCode(address)
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := newQR(address)
	if err != nil || code.QR != drawn {
		t.Errorf("NewAppCode() draws another picture than that of its address (%v)", err)
	}
	p := newPages(t)
	for _, lang := range served() {
		w := render(p, Page{Name: "me_app", Language: lang, Data: WayAppData{Common: Common{Form: Hidden{Action: "/me/ways/app"}}, Code: code}})
		links := slices.DeleteFunc(named(parse(t, w.Body.String()), "a"), func(a *element) bool { return a.attrs["href"] != address })
		if len(links) != 1 || strings.Count(w.Body.String(), "otpauth:") != 1 {
			t.Errorf("%s: %d links to %s, want one", lang, len(links), address)
		}
	}
	for _, other := range []string{"", "javascript:alert(1)//otpauth://totp/", "https://otpauth/totp/x?secret=GEZD", "otpauth://hotp/x?secret=GEZD", "otpauth:javascript"} {
		if code, err := NewAppCode(other); err == nil || code != (AppCode{}) || strings.Contains(err.Error(), "GEZD") {
			t.Errorf("NewAppCode(%q) = %v, %v, want an error that does not quote it", other, code, err)
		}
	}
}
