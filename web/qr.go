package web

import (
	"errors"
	"fmt"
	"html/template"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// QR is a QR code (ISO/IEC 18004) that stands in the page itself: what is in it is asked
// for by no address of its own, and kept by no cache.
type QR struct {
	Size int    // modules on a side, the quiet zone included
	Path string // of an SVG, one unit for each module
}

// AppCode is what an authenticator app takes its secret from: a picture for the camera of
// another device, and a link to an app on the one that shows the page.
type AppCode struct {
	QR   QR
	Link template.URL
}

// NewAppCode makes it of an address of a secret (Key Uri Format). It fails for any other
// address, and for one that is too long for a picture.
func NewAppCode(address string) (AppCode, error) {
	if !strings.HasPrefix(address, "otpauth://totp/") {
		return AppCode{}, errors.New("drawing the code of an app: no address of a secret") // which may be one: it is not quoted
	}
	code, err := newQR(address)
	return AppCode{QR: code, Link: template.URL(address)}, err //nolint:gosec // its scheme opens an app, and runs nothing
}

// quiet is the empty zone that readers want around a code, in modules (ISO/IEC 18004 §6.3.8).
const quiet = 4

// newQR draws a text. It fails for one that is too long for a code.
func newQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return QR{}, fmt.Errorf("drawing a QR code: too long") // the library's error may quote the text
	}
	side := code.Bounds().Dx()
	var path strings.Builder
	for y := range side {
		for x := 0; x < side; {
			run := 0
			for ; x+run < side; run++ {
				if r, _, _, _ := code.At(x+run, y).RGBA(); r != 0 {
					break
				}
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			}
			x += run + 1
		}
	}
	return QR{Size: side + 2*quiet, Path: path.String()}, nil
}
