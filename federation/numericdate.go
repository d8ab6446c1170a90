package federation

import (
	"errors"
	"strconv"
	"time"
)

// NumericDate is a time in a JWT (RFC 7519 §2); zero when absent. What is not a
// positive number below 2^38 is an error.
type NumericDate struct{ time.Time }

// UnmarshalJSON reads a number of seconds, of which it drops fractions.
func (d *NumericDate) UnmarshalJSON(raw []byte) error {
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || !(seconds > 0 && seconds < 1<<38) {
		return errors.New("not a date")
	}
	d.Time = time.Unix(int64(seconds), 0)
	return nil
}
