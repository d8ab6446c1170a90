package civil

import (
	"time"

	"eidgate/eid"
)

// Capture asks whether what a reader captured of a person is theirs. No image passes
// here: Reference is what the reader calls the capture, which the matcher has.
type Capture struct {
	Person    eid.Identifier
	Method    eid.BiometricMethod
	Database  eid.Database // to compare with
	Reference string
}

// Matched is what a matcher answers.
type Matched struct {
	OK        bool
	Reference string // what it calls the comparison
	At        time.Time
	// Development: nothing was compared. It is said wherever the evidence is shown.
	Development bool
}
