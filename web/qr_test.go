package web

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	"github.com/google/go-cmp/cmp"
)

// TestQR draws the path again and compares it with the code, module by module.
func TestQR(t *testing.T) {
	const text = "otpauth://totp/eidgate:001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=eidgate"
	got, err := NewQR(text)
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
	if _, err := NewQR(strings.Repeat("x", 5000)); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("NewQR(too long) = %v, want an error without the text", err)
	}
}
