package portability

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// survey is what one look at the whole file finds before anything of it is imported.
type survey struct {
	digest  [sha256.Size]byte // of the file as it is
	rows    int
	text    int64 // length of what it says, in UTF-8
	header  []string
	ignored []string // names of columns

	seed maphash.Seed
	// logins are those that several rows have, by their hashes. A row whose login name
	// stands beside something else in another row is wrong, whichever came first: nobody
	// knows which of them is right.
	logins map[uint64]*several
}

// several are the rows of one login name.
type several struct {
	content      uint64 // of the first
	rows         []int  // the first few
	contradicted bool
}

const (
	// maxSame is how many login names with several rows are remembered.
	maxSame = 200_000
	// maxRowsTold is how many rows a fault names.
	maxRowsTold = 4
)

// open gives the file from its beginning.
type open func() (io.ReadCloser, error)

// surveyed reads the file once, and once more where login names come again.
func surveyed(file open, encoding string) (*survey, error) {
	s := &survey{seed: maphash.MakeSeed(), logins: make(map[uint64]*several)}
	var seen bloom
	digest := sha256.New()
	err := s.each(file, encoding, digest, func(r *reader, rec record) error {
		s.rows, s.text = rec.row-1, rec.end
		if key, ok := s.login(r.columns, rec); ok && seen.add(key) {
			s.logins[key] = &several{}
		}
		if len(s.logins) > maxSame {
			return fmt.Errorf("%w: more than %d login names come again: is it the right column that is named login?", ErrFile, maxSame)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	digest.Sum(s.digest[:0])
	if len(s.logins) == 0 {
		return s, nil
	}
	return s, s.each(file, encoding, io.Discard, s.compare)
}

// compare notes whether the rows of one login name say the same.
func (s *survey) compare(r *reader, rec record) error {
	same := s.same(r.columns, rec)
	if same == nil {
		return nil
	}
	content := s.content(r.columns, rec)
	if len(same.rows) == 0 {
		same.content = content
	}
	same.contradicted = same.contradicted || content != same.content
	if len(same.rows) < maxRowsTold {
		same.rows = append(same.rows, rec.row)
	}
	return nil
}

// each goes through the file, and tells raw what it is made of.
func (s *survey) each(file open, encoding string, raw io.Writer, visit func(*reader, record) error) (err error) {
	f, err := file()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	told := io.TeeReader(f, raw)
	r, err := newReader(told, encoding, 0, 0)
	if err != nil {
		return err
	}
	s.header, s.ignored = r.header, r.ignored()
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, told)
			return err
		}
		if err == nil {
			err = visit(r, rec)
		}
		if err != nil {
			return err
		}
	}
}

// same gives what is known of a row's login name, nil where no other row has it.
func (s *survey) same(cols []column, rec record) *several {
	if len(s.logins) == 0 {
		return nil
	}
	key, ok := s.login(cols, rec)
	if !ok {
		return nil
	}
	return s.logins[key]
}

// login is the hash of a row's login name.
func (s *survey) login(cols []column, rec record) (uint64, bool) {
	if len(rec.fields) != len(cols) {
		return 0, false
	}
	for i, c := range cols {
		if c == colLogin {
			login := norm.NFC.String(unprotected(strings.TrimSpace(rec.fields[i])))
			return maphash.String(s.seed, login), login != ""
		}
	}
	return 0, false
}

// content is the hash of all that is read of a row.
func (s *survey) content(cols []column, rec record) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for i, c := range cols {
		if c != colIgnored && c < colRow {
			_, _ = h.WriteString(norm.NFC.String(unprotected(strings.TrimSpace(rec.fields[i]))))
			_ = h.WriteByte(0)
		}
	}
	return h.Sum64()
}

// bloom remembers hashes in a space that does not grow. It may take a hash for one that
// it has, one in a million where a million were added, never the other way round.
type bloom struct{ bits [1 << 21]uint64 }

// add adds a hash and reports whether it may have been there.
func (b *bloom) add(key uint64) bool {
	const probes, positions = 4, uint64(len(bloom{}.bits)) * 64
	had := true
	step := key>>32 | 1
	for i := range uint64(probes) {
		at := (key + i*step) % positions
		word, bit := &b.bits[at/64], uint64(1)<<(at%64)
		had = had && *word&bit != 0
		*word |= bit
	}
	return had
}
