package eid

// The gateway's own pages are clients of it, with ids and sectors that no configuration
// can have.
const (
	ClientMe      = "eidgate-me"      // holders' own pages
	ClientOfficer = "eidgate-officer" // the counter

	SectorMe      = "eidgate:me"
	SectorOfficer = "eidgate:officer"
)

// BuiltinClients lists their ids.
func BuiltinClients() []string { return []string{ClientMe, ClientOfficer} }
