package portability

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// faultsFile is the file of rows that were not imported: their number, why, and the
// row as it came, so that it can be corrected and imported as it is. It is written
// beside its place and comes there at the end, when nothing that its owner may have
// corrected meanwhile is lost.
type faultsFile struct {
	path   string
	comma  rune
	header []string
	keep   []int // the columns that are written: all but the row and fault of one before

	file *os.File
	size int64
}

// faultRow is one row of it.
type faultRow struct {
	row    int
	fields []string
	fault  string
}

// maxNumbered is how many files of one name are kept beside each other.
const maxNumbered = 100

func newFaultsFile(path string, r *reader) *faultsFile {
	f := &faultsFile{path: path, comma: r.comma, header: r.header}
	for i, c := range r.columns {
		if c != colRow && c != colFault {
			f.keep = append(f.keep, i)
		}
	}
	return f
}

func (f *faultsFile) part() string { return f.path + ".part" }

// resume opens what an import wrote before it was broken off, and cuts off what it had
// not come to. It reports false where the file is not there as it was left.
func (f *faultsFile) resume(size int64) (bool, error) {
	if size == 0 {
		return true, nil
	}
	file, err := os.OpenFile(f.part(), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening the file of faults: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() < size {
		return false, file.Close()
	}
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil {
		_, err = file.Seek(size, io.SeekStart)
	}
	if err != nil {
		return false, errors.Join(fmt.Errorf("opening the file of faults: %w", err), file.Close())
	}
	f.file, f.size = file, size
	return true, nil
}

// add writes rows, and the header before the first. They are with the system when it
// returns: how far an import came is noted behind them.
func (f *faultsFile) add(rows []faultRow) error {
	if len(rows) == 0 {
		return nil
	}
	if err := f.write(rows); err != nil {
		return fmt.Errorf("writing the file of faults: %w", err)
	}
	return nil
}

func (f *faultsFile) write(rows []faultRow) error {
	var text bytes.Buffer
	c := csv.NewWriter(&text)
	c.Comma = f.comma
	if f.file == nil {
		var err error
		if f.file, err = os.OpenFile(f.part(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		if err := f.file.Chmod(0o600); err != nil {
			return err
		}
		text.WriteString("\xef\xbb\xbf") // spreadsheets take it for another encoding without
		if err := c.Write(f.line("row", "fault", f.header)); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if err := c.Write(f.line(strconv.Itoa(r.row), r.fault, r.fields)); err != nil {
			return err
		}
	}
	c.Flush()
	n, err := f.file.Write(text.Bytes())
	f.size += int64(n)
	return err
}

func (f *faultsFile) line(row, fault string, fields []string) []string {
	line := make([]string, 0, 2+len(f.keep))
	line = append(line, row, fault)
	add := func(field string) { line = append(line, protected(strings.ToValidUTF8(field, "\ufffd"))) }
	for _, i := range f.keep {
		if i < len(fields) {
			add(fields[i])
		}
	}
	// What has too many fields or too few keeps them: as it is, it is wrong again.
	for i := len(f.header); i < len(fields); i++ {
		add(fields[i])
	}
	return line
}

// cut takes back what was written behind a size.
func (f *faultsFile) cut(size int64) error {
	if f.file == nil || f.size == size {
		return nil
	}
	err := f.file.Truncate(size)
	if err == nil {
		_, err = f.file.Seek(size, io.SeekStart)
	}
	if size == 0 && err == nil { // the header goes with the first row
		err = f.file.Close()
		f.file = nil
	}
	if err != nil {
		return fmt.Errorf("writing the file of faults: %w", err)
	}
	f.size = size
	return nil
}

// finish brings the file to its place and says where that is; empty where there was no
// fault. Another file there stays, and this one gets a number.
func (f *faultsFile) finish() (string, error) {
	if f.file == nil {
		return "", nil
	}
	if err := f.file.Close(); err != nil {
		return "", fmt.Errorf("writing the file of faults: %w", err)
	}
	f.file = nil
	place := f.path
	for n := 2; ; n++ {
		same, err := sameFile(place, f.part())
		if errors.Is(err, fs.ErrNotExist) || err == nil && same {
			break
		}
		if err != nil || n > maxNumbered {
			return "", fmt.Errorf("placing the file of faults, which is %s: %w", f.part(), errors.Join(err, fs.ErrExist))
		}
		ext := filepath.Ext(f.path)
		place = strings.TrimSuffix(f.path, ext) + "." + strconv.Itoa(n) + ext
	}
	if err := os.Rename(f.part(), place); err != nil {
		return "", fmt.Errorf("placing the file of faults: %w", err)
	}
	return place, nil
}

// close leaves the file for the import to go on with.
func (f *faultsFile) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// sameFile reports whether two files say the same.
func sameFile(a, b string) (bool, error) {
	x, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer func() { _ = x.Close() }()
	y, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer func() { _ = y.Close() }()
	const block = 64 << 10
	one, two := make([]byte, block), make([]byte, block)
	for {
		n, errX := io.ReadFull(x, one)
		m, errY := io.ReadFull(y, two)
		if n != m || !bytes.Equal(one[:n], two[:m]) {
			return false, nil
		}
		if errX != nil || errY != nil {
			return endOf(errX) && endOf(errY), nil
		}
	}
}

func endOf(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
