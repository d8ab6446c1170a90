package credential

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"sync"

	"github.com/zitadel/passwap/argon2"
	"github.com/zitadel/passwap/bcrypt"
	"github.com/zitadel/passwap/drupal7"
	"github.com/zitadel/passwap/md5"
	"github.com/zitadel/passwap/phpass"
	"github.com/zitadel/passwap/scrypt"
	"github.com/zitadel/passwap/sha2"
	"github.com/zitadel/passwap/verifier"
)

// Errors of hashes that portals made.
var (
	// ErrOldHash: the text is no hash of a kind that is known here.
	ErrOldHash = errors.New("no password hash of a known kind")
	// ErrOldHashCost: evaluating it would take too long or too much memory.
	ErrOldHashCost = errors.New("password hash costs more than is evaluated here")
)

const (
	maxOldHash     = 512 // bytes of a hash
	maxOldPassword = 256 // bytes; some kinds hash the password again in each round
)

// oldKind is one way in which portals hashed passwords.
type oldKind struct {
	name  string
	shape *regexp.Regexp // of the whole text; its groups are the parts
	// affordable reports whether the costs in the text are below about a second and
	// 64 MiB: a hash that somebody imported must not choose what a guess costs here.
	// None: there is nothing to choose.
	affordable func(parts []string) bool
	// sound reports whether matches can read the parts. None: the shape says it all.
	sound   func(parts []string) bool
	matches func(parts []string, password string) (bool, error)
}

// oldKinds lists them. Where two shapes fit, the first counts. They are made when the first
// old hash is read: most processes never see one.
var oldKinds = sync.OnceValue(func() []oldKind {
	return []oldKind{
		{
			name: "bcrypt", shape: regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`),
			affordable: between(1, 4, 13), matches: by(bcrypt.NewVerifier(nil)),
		},
		{
			name: "argon2", shape: regexp.MustCompile(`^\$argon2id?\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,4}),p=([0-9]{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$`),
			affordable: affordableArgon2, sound: inBase64(4, 5), matches: by(argon2.NewVerifier(nil)),
		},
		{
			name: "scrypt", shape: regexp.MustCompile(`^\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$`),
			affordable: affordableScrypt, sound: inBase64(4, 5), matches: by(scrypt.NewVerifier(nil)),
		},
		{
			name: "sha512crypt", shape: regexp.MustCompile(`^\$6\$(?:rounds=([0-9]{4,9})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$`),
			affordable: between(1, 1000, 1_000_000), matches: by(sha2.NewVerifier(nil)),
		},
		{
			name: "sha256crypt", shape: regexp.MustCompile(`^\$5\$(?:rounds=([0-9]{4,9})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}$`),
			affordable: between(1, 1000, 1_000_000), matches: by(sha2.NewVerifier(nil)),
		},
		{name: "md5crypt", shape: regexp.MustCompile(`^\$1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}$`), matches: by(md5.NewVerifier())},
		// The letter is the logarithm of the rounds: 2^7 to 2^16.
		{name: "phpass", shape: regexp.MustCompile(`^\$[PH]\$(.)[./A-Za-z0-9]{30}$`), affordable: oneOf("56789ABCDE"), matches: by(phpass.NewVerifier(nil))},
		{name: "drupal7", shape: regexp.MustCompile(`^\$S\$(.)[./A-Za-z0-9]{51}$`), affordable: oneOf("56789ABCDE"), matches: by(drupal7.NewVerifier(nil))},
		{
			name: "pbkdf2", shape: regexp.MustCompile(`^\$pbkdf2(?:-(sha256|sha512))?\$([0-9]{1,9})\$([A-Za-z0-9+./]{8,128})\$([A-Za-z0-9+./]{22,128})$`),
			affordable: affordablePBKDF2, sound: soundPBKDF2, matches: matchesPBKDF2,
		},
		{
			name: "Django", shape: regexp.MustCompile(`^pbkdf2_(sha1|sha256)\$([0-9]{1,9})\$([A-Za-z0-9]{1,64})\$([A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=)$`),
			affordable: between(2, 1, maxRounds), matches: matchesDjango,
		},
		{
			name: "salt and digest", shape: regexp.MustCompile(`^(?:(md5)\$([A-Za-z0-9]{1,64})\$([0-9A-Fa-f]{32})|(sha1)\$([A-Za-z0-9]{1,64})\$([0-9A-Fa-f]{40})|(sha256)\$([A-Za-z0-9]{1,64})\$([0-9A-Fa-f]{64}))$`),
			matches: matchesSaltFirst,
		},
		{name: "digest and salt", shape: regexp.MustCompile(`^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}):([!-~]{1,64})$`), matches: matchesSaltLast},
		{name: "LDAP digest", shape: regexp.MustCompile(`^\{(S?SHA)\}([A-Za-z0-9+/]{27,128}={0,2})$`), sound: soundLDAP, matches: matchesLDAP},
		{name: "plain digest", shape: regexp.MustCompile(`^([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$`), matches: matchesPlain},
		{
			name: "ASP.NET Identity", shape: regexp.MustCompile(`^(A[A-Q][A-Za-z0-9+/]{60,170}={0,2})$`),
			affordable: affordableASPNET, sound: soundASPNET, matches: matchesASPNET,
		},
	}
})

// CheckOldHash names the kind of a hash that a portal made. It returns ErrOldHash and
// ErrOldHashCost for what VerifyOld does not evaluate. The errors tell nothing of it.
func CheckOldHash(hash string) (kind string, err error) {
	k, _, err := readOldHash(hash)
	return k.name, err
}

// readOldHash finds the kind of a hash, and the parts of it.
func readOldHash(hash string) (k oldKind, parts []string, err error) {
	if len(hash) > maxOldHash {
		return oldKind{}, nil, ErrOldHash
	}
	for _, k := range oldKinds() {
		if parts := k.shape.FindStringSubmatch(hash); parts != nil {
			switch {
			case k.sound != nil && !k.sound(parts):
				return oldKind{}, nil, ErrOldHash
			case k.affordable != nil && !k.affordable(parts):
				return oldKind{}, nil, fmt.Errorf("%s: %w", k.name, ErrOldHashCost)
			}
			return k, parts, nil
		}
	}
	return oldKind{}, nil, ErrOldHash
}

// matchesOld compares a password, as it was typed: portals composed no letters.
func matchesOld(hash, password string) (bool, error) {
	k, parts, err := readOldHash(hash)
	if err != nil {
		return false, err
	}
	if len(password) > maxOldPassword {
		return false, nil
	}
	right, err := k.matches(parts, password)
	if err != nil {
		// What the library says may quote the hash.
		return false, fmt.Errorf("%s: %w", k.name, ErrOldHash)
	}
	return right, nil
}

// by lets a verifier of the library compare.
func by(v verifier.Verifier) func([]string, string) (bool, error) {
	return func(parts []string, password string) (bool, error) {
		result, err := v.Verify(parts[0], password)
		return err == nil && (result == verifier.OK || result == verifier.NeedUpdate), err
	}
}

// inBase64 reports whether groups are what the library decodes.
func inBase64(groups ...int) func([]string) bool {
	return func(parts []string) bool {
		for _, g := range groups {
			if _, err := base64.RawStdEncoding.Strict().DecodeString(parts[g]); err != nil {
				return false
			}
		}
		return true
	}
}

// between bounds the number that a group holds; one that is not there is a default
// of the kind, which is within them.
func between(group, least, most int) func([]string) bool {
	return func(parts []string) bool {
		if parts[group] == "" {
			return true
		}
		n := number(parts[group])
		return n >= least && n <= most
	}
}

func oneOf(letters string) func([]string) bool {
	allowed := regexp.MustCompile("^[" + letters + "]$")
	return func(parts []string) bool { return allowed.MatchString(parts[1]) }
}

// affordableArgon2: m in KiB, passes, lanes.
func affordableArgon2(parts []string) bool {
	m, t, p := number(parts[1]), number(parts[2]), number(parts[3])
	return m >= 8*p && m <= 64<<10 && t >= 1 && m*t <= 256<<10 && p >= 1 && p <= 16
}

// affordableScrypt: 128·N·r bytes, p times (RFC 7914 §2).
func affordableScrypt(parts []string) bool {
	ln, r, p := number(parts[1]), number(parts[2]), number(parts[3])
	if ln < 1 || ln > 16 || r < 1 || p < 1 {
		return false
	}
	memory := 128 << ln * r
	return memory <= 64<<20 && memory*p <= 256<<20
}

// number reads digits that a shape let through; what is no number is too many.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1 << 30
	}
	return n
}
