package web

import "time"

// ConsentDocument is one paper that the portal asks for. Each is a choice of its own,
// and nothing is chosen for anybody.
type ConsentDocument struct {
	Name       string // of its claim, one of ConsentDocuments
	Number     string // masked
	Issuer     string
	VerifiedAt time.Time // when an officer compared the original
	ExpiresOn  time.Time // the last day; zero: it does not end
	Ticked     bool      // by the holder, on the form that is shown again
}

// FieldDocument has the names of the documents that the holder ticked.
const FieldDocument = "document"

// Ends gives what the masked number shows: see ConsentClaim.Ends.
func (d ConsentDocument) Ends() string { return ends(d.Number) }

// ConsentDocuments lists the names of the documents that pages have labels for.
func ConsentDocuments() []string {
	return []string{"eid_driving_licence", "eid_vehicle_registration", "eid_social_insurance", "eid_health_insurance"}
}
