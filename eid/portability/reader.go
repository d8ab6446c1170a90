// Package portability reads the accounts that portals made themselves from the files
// that they bring, finds what is wrong with each row, and has the rest written, a batch
// at a time.
package portability

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ErrFile reports a file that is refused as a whole; nothing of it was imported. What it
// says names the mend and repeats no value.
var ErrFile = errors.New("the file cannot be imported")

// Bounds of a file.
const (
	maxRow     = 64 << 10 // bytes of one row
	maxColumns = 100
	maxRows    = 10_000_000
)

// column is what a column holds.
type column int

// The columns. Row and fault are those of a file of faults.
const (
	colIgnored column = iota
	colLogin
	colNumber
	colName
	colBirthDate
	colPhone
	colEmail
	colPassword
	colSubject
	colRow
	colFault
	columns // how many there are
)

// columnNames are the names of columns, folded; what programs in Viet Nam call them is
// understood where nothing else can be meant.
var columnNames = map[string]column{
	"login": colLogin, "loginname": colLogin, "username": colLogin, "tendangnhap": colLogin, "tentaikhoan": colLogin, "sourcesubject": colLogin,
	"number": colNumber, "personalnumber": colNumber, "sodinhdanh": colNumber, "sodinhdanhcanhan": colNumber, "sddcn": colNumber, "cccd": colNumber, "socccd": colNumber,
	"name": colName, "fullname": colName, "hoten": colName, "hovaten": colName,
	"birthdate": colBirthDate, "dateofbirth": colBirthDate, "dob": colBirthDate, "ngaysinh": colBirthDate, "ngaythangnamsinh": colBirthDate,
	"phone": colPhone, "phonenumber": colPhone, "dienthoai": colPhone, "sodienthoai": colPhone, "sdt": colPhone,
	"email": colEmail, "thudientu": colEmail, "diachiemail": colEmail,
	"passwordhash": colPassword, "matkhaubam": colPassword,
	"subject": colSubject, "sub": colSubject,
	"row": colRow, "fault": colFault,
}

// record is one row as it came.
type record struct {
	row    int // in the file; the header is row 1
	fields []string
	end    int64  // offset behind it in the text
	fault  string // it cannot be taken apart: fields are what can be guessed
	// more follow that cannot be read without this one: end is behind all of them.
	more bool
}

// reader takes a file apart.
type reader struct {
	csv     *csv.Reader
	limit   *limited
	comma   rune
	header  []string // as it came
	columns []column // what each field holds
	row     int
	base    int64    // offset of what csv began to read
	broken  []record // rows of a quote that is not closed, still to be told
}

// newReader reads the header. from is the offset in the text, and rows how many rows
// stand before it, where an import goes on; both zero at the beginning.
func newReader(file io.Reader, encoding string, from int64, rows int) (*reader, error) {
	text, err := decoded(file, encoding)
	if err != nil {
		return nil, err
	}
	line, raw, err := firstLine(text)
	if err != nil {
		return nil, err
	}
	r := &reader{row: 1, base: int64(raw)}
	if err := r.readHeader(line); err != nil {
		return nil, err
	}
	if from > 0 {
		if _, err := io.CopyN(io.Discard, text, from-r.base); err != nil {
			return nil, fmt.Errorf("%w: it is shorter than what was imported of it", ErrFile)
		}
		r.base, r.row = from, rows+1
	}
	r.limit = &limited{r: text, left: maxRow}
	r.csv = csv.NewReader(r.limit)
	r.csv.Comma, r.csv.FieldsPerRecord = r.comma, -1
	return r, nil
}

// firstLine reads up to the end of the first line and no further.
func firstLine(text io.Reader) (line string, read int, err error) {
	var all []byte
	var one [1]byte
	for len(all) < maxRow {
		n, err := text.Read(one[:])
		if n > 0 {
			all = append(all, one[0])
			if one[0] == '\n' {
				break
			}
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", 0, fmt.Errorf("reading the file: %w", err)
		}
	}
	return strings.TrimRight(string(all), "\r\n"), len(all), nil
}

// readHeader finds out what parts the columns and what they hold.
func (r *reader) readHeader(line string) error {
	if strings.TrimSpace(line) == "" {
		return fmt.Errorf("%w: its first line names no columns; login is required", ErrFile)
	}
	if strings.ContainsAny(line, "\x00\r") {
		return fmt.Errorf("%w: its first line has NUL characters, or ends as on old Macs: save the file as UTF-8, with line ends of Windows or Unix", ErrFile)
	}
	if problem := unreadable(line); problem != "" {
		return fmt.Errorf("%w: its first line %s", ErrEncoding, problem)
	}
	for _, comma := range []rune{',', ';', '\t'} {
		c := csv.NewReader(strings.NewReader(line))
		c.Comma = comma
		names, err := c.Read()
		if err != nil {
			continue
		}
		r.comma, r.header, r.columns = comma, names, make([]column, len(names))
		for i, name := range names {
			r.columns[i] = columnNames[folded(name)]
		}
		if slices.Contains(r.columns, colLogin) {
			return r.checkHeader()
		}
	}
	return fmt.Errorf("%w: its first line names no column login; the names are login, number, name, birth_date, phone, email, password_hash and subject, parted by commas, semicolons or tabs", ErrFile)
}

func (r *reader) checkHeader() error {
	if len(r.header) > maxColumns {
		return fmt.Errorf("%w: it has %d columns, and %d are the most", ErrFile, len(r.header), maxColumns)
	}
	seen := make(map[column]bool)
	for i, c := range r.columns {
		if c != colIgnored && seen[c] {
			return fmt.Errorf("%w: two columns are a %s: rename one", ErrFile, folded(r.header[i]))
		}
		seen[c] = true
	}
	return nil
}

// ignored names the columns that nothing is read from.
func (r *reader) ignored() []string {
	var list []string
	for i, c := range r.columns {
		if c == colIgnored && strings.TrimSpace(r.header[i]) != "" {
			list = append(list, r.header[i])
		}
	}
	return list
}

// next reads a row; io.EOF behind the last one. Rows without anything in them are left out.
func (r *reader) next() (record, error) {
	for {
		if len(r.broken) > 0 {
			rec := r.broken[0]
			r.broken = r.broken[1:]
			return rec, nil
		}
		began := r.csv.InputOffset()
		r.limit.begin(began)
		fields, err := r.csv.Read()
		var wrong *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return record{}, io.EOF
		case errors.Is(err, errLongRow):
			return record{}, fmt.Errorf("%w: row %d is longer than %d KiB: a quote before it may not be closed", ErrFile, r.row+1, maxRow>>10)
		case errors.As(err, &wrong):
			r.broken = r.apart(r.limit.text(r.csv.InputOffset()))
			continue
		case err != nil:
			return record{}, fmt.Errorf("reading the file: %w", err)
		}
		r.row++
		if r.row > maxRows {
			return record{}, fmt.Errorf("%w: it has more than %d rows: bring it in parts", ErrFile, maxRows)
		}
		if slices.ContainsFunc(fields, func(f string) bool { return f != "" }) {
			return record{row: r.row, fields: fields, end: r.offset()}, nil
		}
	}
}

func (r *reader) offset() int64 { return r.base + r.csv.InputOffset() }

// errLongRow reports that one row takes more than its share.
var errLongRow = errors.New("row too long")

// limited ends a row that does not end itself. What csv reads ahead counts too, which
// makes the bound a little lower for some rows and never higher than twice.
type limited struct {
	r    io.Reader
	left int
	kept []byte // what was read from the beginning of the row
	from int64  // offset of that
}

// begin begins a row at an offset.
func (l *limited) begin(offset int64) {
	l.left = maxRow
	l.kept = append(l.kept[:0], l.kept[offset-l.from:]...)
	l.from = offset
}

// text is the row up to an offset, as it came.
func (l *limited) text(end int64) string { return string(l.kept[:end-l.from]) }

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongRow
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	l.kept = append(l.kept, p[:n]...)
	return n, err
}

// folded is a column's name without case, accents and what parts words.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == 'đ':
			return 'd'
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return r
		}
		return -1
	}, norm.NFD.String(strings.ToLower(name)))
}
