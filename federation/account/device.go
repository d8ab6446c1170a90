package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"eidgate/eid"
)

// A browser that somebody signed in with keeps a mark of it, so that strangers'
// guesses at the number, and a network's or a password's limit, do not count
// against its holder (OWASP, "Slow Down Online Guessing Attacks with Device
// Cookies"). A mark proves that a sign-in was complete here, and nothing more: it
// replaces no secret.
//
// A cookie holds the marks of a few people, for families share a phone. Each is
//
//	name (9 random bytes) | day it was made (2) | MAC over both and the number (16)
//
// so that it cannot be told whose it is without the number and our key.
const (
	maxMarks = 8
	markLife = 365 // days

	deviceBytes = 9
	dayBytes    = 2
	macBytes    = 16
)

// device is a marked browser, as far as one number is concerned. The zero value
// is any other browser.
type device struct{ name string }

// deviceOf finds the mark of a number among those that a browser holds. number is
// the hidden name of the number, see slot.
func (s *Source) deviceOf(marks, number string, now time.Time) device {
	for _, text := range splitMarks(marks) {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(raw) != deviceBytes+dayBytes+macBytes { // line ends are skipped
			continue
		}
		head, mac := raw[:deviceBytes+dayBytes], raw[deviceBytes+dayBytes:]
		age := day(now) - binary.BigEndian.Uint16(head[deviceBytes:])
		// A replica's clock may be a day behind the one that made the mark.
		if subtle.ConstantTimeCompare(mac, s.markMAC(head, number)) == 1 && (age <= markLife || age == ^uint16(0)) {
			return device{base64.RawURLEncoding.EncodeToString(head[:deviceBytes])}
		}
	}
	return device{}
}

// Familiar reports whether a browser holds a mark of a number.
func (s *Source) Familiar(marks string, id eid.Identifier, now time.Time) bool {
	return s.deviceOf(marks, s.numberSlot(id), now) != (device{})
}

// withMark gives a browser a new mark of a number beside those of other people,
// in place of the oldest where there is no room. The mark that it had of this
// number is of no use any more and leaves with time.
func (s *Source) withMark(marks, number string, now time.Time) string {
	head := make([]byte, deviceBytes+dayBytes, deviceBytes+dayBytes+macBytes)
	_, _ = rand.Read(head[:deviceBytes]) // never fails: crypto/rand ends the program instead
	binary.BigEndian.PutUint16(head[deviceBytes:], day(now))
	list := []string{base64.RawURLEncoding.EncodeToString(append(head, s.markMAC(head, number)...))}
	for _, text := range splitMarks(marks) {
		if len(list) == maxMarks {
			break
		}
		if s.deviceOf(text, number, now) == (device{}) {
			list = append(list, text)
		}
	}
	return strings.Join(list, ".")
}

func (s *Source) markMAC(head []byte, number string) []byte {
	mac := hmac.New(sha256.New, s.d.Key)
	mac.Write([]byte("eidgate account device\x00"))
	mac.Write(head)
	mac.Write([]byte(number))
	return mac.Sum(nil)[:macBytes]
}

// splitMarks gives what could be marks.
func splitMarks(marks string) []string {
	length := base64.RawURLEncoding.EncodedLen(deviceBytes + dayBytes + macBytes)
	if len(marks) > maxMarks*(length+1) {
		return nil
	}
	var list []string
	for text := range strings.SplitSeq(marks, ".") {
		if len(text) == length {
			list = append(list, text)
		}
	}
	return list
}

// day counts days since 1970. It is right until 2149.
func day(t time.Time) uint16 { return uint16(t.Unix() / (24 * 60 * 60)) }
