package eid

import "time"

// KeyFetch says when a party first fetched a key set that holds a key.
type KeyFetch struct {
	Client string
	KeyID  string
	At     time.Time
}

// RevocationEvent asks for one party to be told to end its sessions, for the key that
// signed ID tokens since a time was revoked. It commits with the revocation.
type RevocationEvent struct {
	ID        int64
	KeyID     string
	Algorithm string // of the key
	Client    string
	Since     time.Time
	After     string // the subject that was told last
	At        time.Time
}
