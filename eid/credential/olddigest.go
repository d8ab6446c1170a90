package credential

import (
	"crypto/md5" //nolint:gosec // what portals hashed with; a right password replaces it
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// maxRounds of PBKDF2, of all digests together: Django asks for a million and more by now.
const maxRounds = 2_000_000

// readPBKDF2 reads $pbkdf2-sha256$rounds$salt$key in base64 without padding, which
// passlib writes with a point in place of the plus. No digest named is SHA-1.
func readPBKDF2(parts []string) (salt, key []byte, ok bool) {
	salt, saltErr := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(parts[3], ".", "+"))
	key, keyErr := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(parts[4], ".", "+"))
	return salt, key, saltErr == nil && keyErr == nil
}

func affordablePBKDF2(parts []string) bool {
	_, key, ok := readPBKDF2(parts)
	return ok && affordableRounds(digestNamed(parts[1]), number(parts[2]), key)
}

// affordableRounds bounds the rounds of PBKDF2, which are done anew for each digest that
// the key is long (RFC 8018 §5.2).
func affordableRounds(digest func() hash.Hash, rounds int, key []byte) bool {
	size := digest().Size()
	blocks := (len(key) + size - 1) / size
	return rounds >= 1 && blocks >= 1 && rounds <= maxRounds/blocks
}

func soundPBKDF2(parts []string) bool {
	_, _, ok := readPBKDF2(parts)
	return ok
}

func matchesPBKDF2(parts []string, password string) (bool, error) {
	salt, key, ok := readPBKDF2(parts)
	if !ok {
		return false, ErrOldHash
	}
	return derives(digestNamed(parts[1]), password, salt, number(parts[2]), key)
}

// matchesDjango is pbkdf2_sha256$rounds$salt$key; the salt is taken as it is written.
func matchesDjango(parts []string, password string) (bool, error) {
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, err
	}
	return derives(digestNamed(parts[1]), password, []byte(parts[3]), number(parts[2]), key)
}

// aspnet is what a hash of ASP.NET Identity holds (PasswordHasher.cs). Version 2:
// 00, salt (16 bytes), key (32), with SHA-1 and 1000 rounds. Version 3: 01, the
// digest, the rounds, the length of the salt (4 bytes each), salt, key.
type aspnet struct {
	digest    func() hash.Hash
	rounds    int
	salt, key []byte
}

func readASPNET(text string) (a aspnet, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) < 49 {
		return aspnet{}, false
	}
	switch {
	case raw[0] == 0 && len(raw) == 1+16+32:
		return aspnet{sha1.New, 1000, raw[1:17], raw[17:]}, true
	case raw[0] != 1:
		return aspnet{}, false
	}
	digests := []func() hash.Hash{sha1.New, sha256.New, sha512.New}
	prf, rounds, salt := binary.BigEndian.Uint32(raw[1:]), binary.BigEndian.Uint32(raw[5:]), binary.BigEndian.Uint32(raw[9:])
	rest := raw[13:]
	if int64(prf) >= int64(len(digests)) || rounds < 1 || salt < 8 || int64(len(rest)) < int64(salt)+16 {
		return aspnet{}, false
	}
	return aspnet{digests[prf], int(rounds), rest[:salt], rest[salt:]}, true
}

func soundASPNET(parts []string) bool {
	_, ok := readASPNET(parts[1])
	return ok
}

func affordableASPNET(parts []string) bool {
	a, ok := readASPNET(parts[1])
	return ok && affordableRounds(a.digest, a.rounds, a.key)
}

func matchesASPNET(parts []string, password string) (bool, error) {
	a, ok := readASPNET(parts[1])
	if !ok {
		return false, ErrOldHash
	}
	return derives(a.digest, password, a.salt, a.rounds, a.key)
}

func derives(digest func() hash.Hash, password string, salt []byte, rounds int, key []byte) (bool, error) {
	derived, err := pbkdf2.Key(digest, password, salt, rounds, len(key))
	if err != nil {
		return false, fmt.Errorf("deriving a key: %w", err)
	}
	return len(key) > 0 && subtle.ConstantTimeCompare(derived, key) == 1, nil
}

// digestNamed gives a digest by its name; SHA-1 where there is none.
func digestNamed(name string) func() hash.Hash {
	switch name {
	case "md5":
		return md5.New
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	}
	return sha1.New
}

// digestOfHex gives the digest whose sum has so many hexadecimal digits.
func digestOfHex(sum string) func() hash.Hash {
	switch len(sum) {
	case 2 * md5.Size:
		return md5.New
	case 2 * sha1.Size:
		return sha1.New
	}
	return sha256.New
}

// matchesPlain is the digest of the password alone, in hexadecimal.
func matchesPlain(parts []string, password string) (bool, error) {
	return sums(digestOfHex(parts[1]), password, parts[1])
}

// matchesSaltFirst is md5$salt$sum: of the salt and the password behind it.
func matchesSaltFirst(parts []string, password string) (bool, error) {
	for i := 1; i < len(parts); i += 3 { // one group of three for each digest
		if parts[i] != "" {
			return sums(digestNamed(parts[i]), parts[i+1]+password, parts[i+2])
		}
	}
	return false, ErrOldHash
}

// matchesSaltLast is sum:salt: of the password and the salt behind it.
func matchesSaltLast(parts []string, password string) (bool, error) {
	return sums(digestOfHex(parts[1]), password+parts[2], parts[1])
}

// readLDAP reads {SHA} or {SSHA}: the sum, and for the latter the salt behind it.
func readLDAP(parts []string) (sum, salt []byte, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(raw) < sha1.Size || (len(raw) > sha1.Size) != (parts[1] == "SSHA") {
		return nil, nil, false
	}
	return raw[:sha1.Size], raw[sha1.Size:], true
}

func soundLDAP(parts []string) bool {
	_, _, ok := readLDAP(parts)
	return ok
}

func matchesLDAP(parts []string, password string) (bool, error) {
	sum, salt, ok := readLDAP(parts)
	if !ok {
		return false, ErrOldHash
	}
	made := sha1.Sum(append([]byte(password), salt...)) //nolint:gosec // as {SSHA} is
	return subtle.ConstantTimeCompare(made[:], sum) == 1, nil
}

// sums reports whether a text has a sum, in hexadecimal.
func sums(digest func() hash.Hash, text, sum string) (bool, error) {
	want, err := hex.DecodeString(sum)
	if err != nil {
		return false, err
	}
	h := digest()
	h.Write([]byte(text))
	return subtle.ConstantTimeCompare(h.Sum(nil), want) == 1, nil
}
