// Package audit owns the evidence: it seals the rows of the audit into signed,
// chained checkpoints, names what was tampered with, and keeps rows for as long as
// the law asks.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Row is a row of the audit exactly as it is stored: what is hashed is what stands
// there, not what was meant.
type Row struct {
	ID      int64
	At      int64 // microseconds since 1970 in UTC
	Actor   string
	Action  string
	Account string
	Client  string
	Ref     string
	Detail  string // JSON
	// Odd names the columns whose values are not of the column's type. The store
	// never writes such a row.
	Odd string
}

// Time is when the row was written, in UTC.
func (r Row) Time() time.Time { return time.UnixMicro(r.At).UTC() }

// hashLen is the length of a row's hash, in bytes.
const hashLen = sha256.Size

// Hash is SHA-256 over every column, each with its length before it, so that no two
// rows give one text. It is not keyed: whoever was given a row can compute it. A
// guesser of rows would have to guess their time and reference as well.
func (r Row) Hash() [hashLen]byte {
	text := make([]byte, 0, 512)
	text = append(text, "eidgate audit row 1"...)
	text = binary.BigEndian.AppendUint64(text, uint64(r.ID))
	text = binary.BigEndian.AppendUint64(text, uint64(r.At))
	for _, column := range [...]string{r.Actor, r.Action, r.Account, r.Client, r.Ref, r.Detail, r.Odd} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(column)))
		text = append(text, column...)
	}
	return sha256.Sum256(text)
}

// rowLine is a row as files hold it. The detail is JSON where that keeps every byte
// of it, and a text otherwise.
type rowLine struct {
	ID      int64           `json:"id"`
	At      string          `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Account string          `json:"account,omitempty"`
	Client  string          `json:"client,omitempty"`
	Ref     string          `json:"ref,omitempty"`
	Detail  json.RawMessage `json:"detail,omitempty"`
	Text    *string         `json:"detail_text,omitempty"`
	Odd     string          `json:"odd,omitempty"`
}

const microseconds = "2006-01-02T15:04:05.000000Z07:00"

// MarshalJSON gives a row as files and programs read it: the time in UTC, with
// microseconds (RFC 3339).
func (r Row) MarshalJSON() ([]byte, error) {
	line := rowLine{
		ID: r.ID, At: r.Time().Format(microseconds), Actor: r.Actor, Action: r.Action,
		Account: r.Account, Client: r.Client, Ref: r.Ref, Odd: r.Odd,
	}
	var compact bytes.Buffer
	// What encoders may write in another way is kept as a text, too.
	if json.Compact(&compact, []byte(r.Detail)) == nil && compact.String() == r.Detail && !strings.ContainsAny(r.Detail, "<>&\u2028\u2029") {
		line.Detail = json.RawMessage(r.Detail)
	} else {
		line.Text = &r.Detail
	}
	return encode(line)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Row) UnmarshalJSON(raw []byte) error {
	var line rowLine
	if err := json.Unmarshal(raw, &line); err != nil {
		return fmt.Errorf("reading audit row: %w", err)
	}
	at, err := time.Parse(time.RFC3339Nano, line.At)
	if err != nil {
		return fmt.Errorf("reading time of audit row %d: %w", line.ID, err)
	}
	*r = Row{
		ID: line.ID, At: at.UnixMicro(), Actor: line.Actor, Action: line.Action, Account: line.Account,
		Client: line.Client, Ref: line.Ref, Detail: string(line.Detail), Odd: line.Odd,
	}
	if line.Text != nil {
		r.Detail = *line.Text
	}
	return nil
}

// encode writes a value as one line of JSON, as it is: nothing here is read by
// browsers.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
