package eid

import (
	"encoding/json"
	"time"
)

// AuditEntry is one act on record. It commits in the transaction of the change
// it tells of. Detail holds no personal number, phone, code, token or secret.
type AuditEntry struct {
	At      time.Time
	Actor   string // holder, client:ID, operator:NAME or system
	Action  string // noun.verb, such as account.locked
	Account AccountID
	Client  string
	Ref     string // reference of the request, as pages and logs show it
	Detail  json.RawMessage
}

// Actions that the gateway records.
const (
	ActionGrantIssued          = "grant.issued"
	ActionSignInFailed         = "signin.failed"
	ActionSignInRefused        = "signin.refused"
	ActionSignedIn             = "signin.succeeded"
	ActionSteppedUp            = "signin.stepped_up"
	ActionSessionEnded         = "session.ended"
	ActionAccountCreated       = "account.created"
	ActionLevelChanged         = "account.level_changed"
	ActionDataDiffers          = "account.data_differs" // what a national source says is not what is kept
	ActionApplicationOpened    = "application.opened"   // at a counter
	ActionApplicationChanged   = "application.changed"
	ActionApplicationMatched   = "application.matched"
	ActionApplicationConfirmed = "application.confirmed" // by the person
	ActionApplicationDecided   = "application.decided"
	ActionApplicationViewed    = "application.viewed"
	ActionAccountRenewed       = "account.renewed"       // by another enrolment; what opened it before ended
	ActionPaperRenewed         = "account.paper_renewed" // another passport is its login name
	ActionAccountLocked        = "account.locked"
	ActionAccountUnlocked      = "account.unlocked"
	ActionLinkCreated          = "link.created"

	ActionAccountActivated = "account.activated"
	ActionAccountRecovered = "account.recovered"
	ActionPasswordChanged  = "password.changed"
	ActionFactorAdded      = "factor.added"
	ActionFactorRemoved    = "factor.removed"
	ActionAccountVerified  = "account.verified" // a portal's old account, for the national identity it is linked to
	ActionConflictOpened   = "conflict.opened"
	ActionConflictDecided  = "conflict.decided"
	ActionConflictOffered  = "conflict.proposed"  // the first of two officers would accept
	ActionOfferWithdrawn   = "conflict.withdrawn" // by that officer
	ActionAccountsExport   = "accounts.exported"  // login names of old accounts that were not verified
	ActionAccountsImport   = "accounts.imported"
	ActionSubjectsImport   = "subjects.imported"
	ActionSubjectMoved     = "subject.moved"
	ActionSubjectsTold     = "subjects.told" // to a party: what tokens call people in place of its old subjects
	ActionConsentGiven     = "consent.given"
	ActionConsentEnded     = "consent.withdrawn"
	ActionSourceDistrust   = "source.distrusted"
	ActionSourceOff        = "source.switched_off"
	ActionSourceOn         = "source.switched_on"
	ActionReviewOpened     = "review.opened"
	ActionReviewDecided    = "review.decided"
	ActionRegistration     = "registration.applied"
	ActionTokensRevoked    = "tokens.revoked"
	ActionStateRenewed     = "state.renewed" // every session and token ended
)

// Actions are those above.
func Actions() []string {
	return []string{
		ActionGrantIssued, ActionSignInFailed, ActionSignInRefused, ActionSignedIn, ActionSteppedUp, ActionSessionEnded,
		ActionAccountCreated, ActionLevelChanged, ActionDataDiffers, ActionAccountRenewed, ActionPaperRenewed, ActionApplicationOpened, ActionApplicationChanged, ActionApplicationMatched, ActionApplicationConfirmed, ActionApplicationDecided, ActionApplicationViewed, ActionAccountLocked, ActionAccountUnlocked, ActionLinkCreated,
		ActionAccountVerified, ActionConflictOpened, ActionConflictDecided, ActionConflictOffered, ActionOfferWithdrawn, ActionAccountsExport, ActionAccountsImport, ActionSubjectsImport, ActionSubjectMoved,
		ActionSubjectsTold,
		ActionConsentGiven, ActionConsentEnded, ActionSourceDistrust, ActionSourceOff, ActionSourceOn, ActionReviewOpened,
		ActionCaseOpened, ActionCaseShown, ActionCaseDecided,
		ActionAccountActivated, ActionAccountRecovered, ActionPasswordChanged, ActionFactorAdded, ActionFactorRemoved,
		ActionReviewDecided, ActionRegistration, ActionTokensRevoked, ActionOfficerAdded, ActionOfficerEnded, ActionStateRenewed,
		ActionLockRequested, ActionLockDecided,
		ActionMasterKeyAdded, ActionMasterKeyPromoted, ActionMasterKeyResealed, ActionMasterKeyRemoved,
	}
}

// Actions on registrations in the app that left a doubt.
const (
	ActionCaseOpened  = "case.opened"
	ActionCaseShown   = "case.shown"   // to an officer
	ActionCaseDecided = "case.decided" // by an officer
)

// Actions on the master key.
const (
	ActionMasterKeyAdded    = "master_key.added"
	ActionMasterKeyPromoted = "master_key.promoted"
	ActionMasterKeyResealed = "master_key.resealed"
	ActionMasterKeyRemoved  = "master_key.removed"
)

// Actions on what service users ask for.
const (
	ActionLockRequested = "lock_request.made"
	ActionLockDecided   = "lock_request.decided" // by an officer
)

// Actions on who acts at a counter.
const (
	ActionOfficerAdded = "officer.added" // or given another office or other tasks
	ActionOfficerEnded = "officer.ended"
)
