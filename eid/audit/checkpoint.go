package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Typ is the typ header of a checkpoint's signature (RFC 8725 §3.11).
const Typ = "eidgate-audit-checkpoint"

// MaxRows bounds the rows of one checkpoint.
const MaxRows = 1000

// entryLen is the length of an entry of Hashes: the id of a row in 8 bytes, big
// end first, and its hash.
const entryLen = 8 + hashLen

// Checkpoint is a signed statement about rows, as it is stored and shipped. What it
// says of them stands in the signed text alone.
type Checkpoint struct {
	N      int64  `json:"n"`      // 1, 2, 3 …
	Hashes []byte `json:"hashes"` // an entry for each row: its id and its hash
	JWS    string `json:"jws"`    // signed Statement, compact (RFC 7515 §7.1)
}

// Statement is what a checkpoint's signature is over.
type Statement struct {
	Version int       `json:"v"`     // 1
	Log     string    `json:"log"`   // random name of the chain, the same in each
	N       int64     `json:"n"`     // 1, 2, 3 … without a gap
	First   int64     `json:"first"` // id of the first row
	Last    int64     `json:"last"`  // id of the last row
	Rows    int       `json:"rows"`
	Hash    string    `json:"hash"` // SHA-256 of Hashes, base64url
	Prev    string    `json:"prev"` // SHA-256 of the JWS before, base64url; empty in the first
	At      time.Time `json:"at"`
	Rule    string    `json:"hashing"` // how rows are hashed
}

// hashing names what Row.Hash and entries are.
const hashing = "eidgate-audit-row-1"

// Digest is SHA-256 in base64url: what a checkpoint names the one before by.
func Digest(jws string) string { return digest([]byte(jws)) }

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return encoded(sum[:])
}

func encoded(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum) }

// Entries writes the hashes of rows, as Checkpoint.Hashes holds them.
func Entries(rows []Row) []byte {
	list := make([]byte, 0, len(rows)*entryLen)
	for _, r := range rows {
		list = binary.BigEndian.AppendUint64(list, uint64(r.ID))
		hash := r.Hash()
		list = append(list, hash[:]...)
	}
	return list
}

// entry is one row of Hashes.
type entry struct {
	id   int64
	hash [hashLen]byte
}

// errHashes reports hashes that are no list of entries.
var errHashes = errors.New("hashes are no list of rows in the order of their ids")

// readEntries reads Hashes. Ids ascend, each once.
func readEntries(hashes []byte) ([]entry, error) {
	if len(hashes) == 0 || len(hashes)%entryLen != 0 || len(hashes) > MaxRows*entryLen {
		return nil, errHashes
	}
	list := make([]entry, 0, len(hashes)/entryLen)
	for part := hashes; len(part) > 0; part = part[entryLen:] {
		e := entry{id: int64(binary.BigEndian.Uint64(part))}
		copy(e.hash[:], part[8:])
		if n := len(list); n > 0 && e.id <= list[n-1].id {
			return nil, errHashes
		}
		list = append(list, e)
	}
	return list, nil
}

// Signer signs checkpoints with the key of the moment.
type Signer interface {
	// Sign makes a compact JWS with Typ and the kid in its header.
	Sign(payload []byte) (jws string, err error)
}

// Head is where a chain stands.
type Head struct {
	Log  string    `json:"log"`  // empty where there is no checkpoint yet
	N    int64     `json:"n"`    // of the last checkpoint
	Last int64     `json:"last"` // id of the last row in it
	Hash string    `json:"hash"` // SHA-256 of its JWS, base64url
	At   time.Time `json:"at"`
}

// next states and signs what follows a head: rows, oldest first.
func (h Head) next(rows []Row, at time.Time, s Signer) (Checkpoint, Head, error) {
	hashes := Entries(rows)
	statement := Statement{
		Version: 1, Log: h.Log, N: h.N + 1, First: rows[0].ID, Last: rows[len(rows)-1].ID, Rows: len(rows),
		Hash: digest(hashes), Prev: h.Hash, At: at, Rule: hashing,
	}
	payload, err := json.Marshal(statement)
	if err != nil {
		return Checkpoint{}, Head{}, fmt.Errorf("writing checkpoint: %w", err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		return Checkpoint{}, Head{}, fmt.Errorf("signing checkpoint %d: %w", statement.N, err)
	}
	return Checkpoint{N: statement.N, Hashes: hashes, JWS: jws},
		Head{Log: statement.Log, N: statement.N, Last: statement.Last, Hash: Digest(jws), At: at}, nil
}

// read reads a statement whose signature was found good.
func read(payload []byte) (Statement, error) {
	var s Statement
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Statement{}, fmt.Errorf("reading statement: %w", err)
	}
	if s.Version != 1 || s.Rule != hashing {
		return Statement{}, fmt.Errorf("reading statement: version %d, hashing %q: a newer eidgate made it", s.Version, s.Rule)
	}
	return s, nil
}
