// Package counter owns applications at a counter: what an officer takes in, the
// biometric match, the person's own confirmation, and the decision that gives Level 2
// (Decision 34/2021, Arts. 6 to 8).
package counter

import (
	"log/slog"
	"slices"
	"time"

	"eidgate/eid"
	"eidgate/eid/civil"
)

// Application is one person's application at a counter. It prints and logs as nothing.
type Application struct {
	ID       string
	Ref      string // that the person was given
	Status   Status
	Level    eid.Level // that is asked for
	Office   string
	OpenedBy eid.AccountID
	// Officers are all who took it in or changed it: none of them approves it.
	Officers []eid.AccountID
	Intake   Intake
	Papers   Papers
	Findings Findings
	Matches  []Match
	// Shown is the revision that was read back to the person last, Confirmed what they
	// said to it. A change makes both void.
	Shown     int
	Confirmed Confirmation
	Returned  string // why it came back from approval, last
	Decision  Decision
	Account   eid.AccountID // once it is approved
	Rules     string        // id of the rule set of the day that it was opened on
	DueAt     time.Time     // to be decided by then
	CreatedAt time.Time
	UpdatedAt time.Time
	Revision  int
	Asked     int // how often registries were asked about what was taken in
}

// Intake is what the person says and their card or passport shows (row 14).
type Intake struct {
	Person eid.Person
	Phone  string
	Email  string
	// CardIssue is the reference of the procedure in which the card is issued, changed or
	// issued again at this very visit; empty where the person brought a card.
	CardIssue string
	// AsOnCard: the digits of the number say another gender or year of birth, and the
	// officer says that the card does, too.
	AsOnCard bool
}

// Papers are what is brought beside: dependents and documents.
type Papers struct {
	Dependents []Dependent
	Documents  []eid.Document
}

// Dependent is somebody whom the person declares as theirs to care for. It is kept with
// the application, with the reference of the paper that says so.
type Dependent struct {
	Identifier eid.Identifier // zero: no number yet
	Name       string
	BirthDate  string // 2006-01-02
	Relation   Relation
	Paper      string // number of the paper that shows it
}

// Relation is what a dependent is to the person.
type Relation string

// The relations.
const (
	Child Relation = "child"
	Ward  Relation = "ward"
)

// Relations lists them all.
func Relations() []Relation { return []Relation{Child, Ward} }

// Findings are what registries said when they were asked last.
type Findings struct {
	At      time.Time
	Person  civil.Finding
	Card    civil.CardStatus
	CardEnd string // 2006-01-02; empty: it does not expire, or there is none
	// Reached: there is a contact that a first password can be sent to.
	Reached bool
	// Account is where the account of the number stood.
	Account eid.AccountID
	Stands  Standing
	// OwnLock is when its holder locked it last, where an approval ends that; zero: nothing
	// is unlocked.
	OwnLock time.Time
}

// Standing is what the account of the number means for an application. The zero value:
// there is none, or it is taken over.
type Standing string

// What stands in the way.
const (
	StandsFree    Standing = ""
	StandsLocked  Standing = "locked"
	StandsManaged Standing = "managed" // by a national source
	StandsClosed  Standing = "closed"
	StandsHigher  Standing = "higher" // it has a higher level already
)

// Match is one biometric comparison, whatever it found.
type Match struct {
	eid.Evidence
	OK          bool
	Development bool // nothing was compared
}

// Confirmation is the person's word that what was taken in is right.
type Confirmation struct {
	At       time.Time
	Officer  eid.AccountID // who asked
	Revision int           // that was read back
}

// Decision is how an application ended.
type Decision struct {
	By     eid.AccountID
	At     time.Time
	Reason string
}

// Obstacle is what keeps an application from going on, for the officer to tell the
// person what to do next.
type Obstacle struct {
	Kind   ObstacleKind
	Field  eid.Field        // of ObstacleDiffers
	Card   civil.CardStatus // of ObstacleCard
	Stands Standing         // of ObstacleAccount
}

// ObstacleKind is the kind of an obstacle.
type ObstacleKind string

// The obstacles.
const (
	ObstacleDiffers     ObstacleKind = "differs"     // a field is not as the registry holds it: amend it, or have the registry corrected
	ObstacleContradicts ObstacleKind = "contradicts" // the registry holds the number more than once
	ObstacleCard        ObstacleKind = "card"        // no valid card: register together with its issue
	ObstacleAccount     ObstacleKind = "account"     // the account that is there
	ObstacleBiometric   ObstacleKind = "biometric"   // nothing has matched yet
	ObstacleGuardian    ObstacleKind = "guardian"    // so young a person has none of their own
	ObstacleContact     ObstacleKind = "contact"     // no message reaches the person
	ObstacleChannel     ObstacleKind = "channel"     // the rules do not give this level at a counter
)

// Doubt is what keeps no application from going on, and wants another officer's eyes.
type Doubt string

// The doubts.
const (
	DoubtYearOnly Doubt = "year_only" // the registry knows the year of birth alone
	DoubtDigits   Doubt = "digits"    // the number says another gender or year of birth
)

// Doubts lists what the officer who approves has to look at.
func (a *Application) Doubts() []Doubt {
	var list []Doubt
	if a.Findings.Person.YearOnly {
		list = append(list, DoubtYearOnly)
	}
	if len(a.Intake.against()) > 0 {
		list = append(list, DoubtDigits)
	}
	return list
}

// Obstacles lists what keeps an application from being confirmed and approved under
// rules, at a time.
func (a *Application) Obstacles(rules *eid.RuleSet, now time.Time) []Obstacle {
	var list []Obstacle
	if access(rules, a.Intake.Person, now) != eid.AccessOwn {
		list = append(list, Obstacle{Kind: ObstacleGuardian})
	}
	switch f := &a.Findings.Person; {
	case f.Contradicts:
		list = append(list, Obstacle{Kind: ObstacleContradicts})
	case f.Verdict != civil.Match && !f.YearOnly:
		for _, field := range f.Differs {
			list = append(list, Obstacle{Kind: ObstacleDiffers, Field: field})
		}
		if len(f.Differs) == 0 {
			list = append(list, Obstacle{Kind: ObstacleDiffers, Field: eid.FieldNumber})
		}
	}
	if a.Findings.Stands != StandsFree {
		list = append(list, Obstacle{Kind: ObstacleAccount, Stands: a.Findings.Stands})
	}
	if !a.Findings.Reached {
		list = append(list, Obstacle{Kind: ObstacleContact})
	}
	if !a.cardSuffices(a.Status == StatusConfirmed) {
		list = append(list, Obstacle{Kind: ObstacleCard, Card: a.Findings.Card})
	}
	rule := rules.Level(a.Level)
	if !a.Level.Valid() || !slices.Contains(rule.Channels, eid.ChannelInPerson) {
		list = append(list, Obstacle{Kind: ObstacleChannel})
	}
	if needsMatch(a.Level, rule) && !slices.ContainsFunc(a.Matches, func(m Match) bool { return a.counts(m, rule) }) {
		list = append(list, Obstacle{Kind: ObstacleBiometric})
	}
	return list
}

// cardSuffices reports whether the card is as it has to be (row 11). One that is issued
// at this visit is being issued at the latest when the application is approved.
func (a *Application) cardSuffices(approving bool) bool {
	switch {
	case a.Intake.Person.Type != eid.Citizen, a.Findings.Card == civil.CardValid:
		return true
	case a.Intake.CardIssue == "":
		return false
	}
	return a.Findings.Card == civil.CardBeingIssued || !approving
}

// needsMatch reports whether a level rests on a biometric: Level 2 always, whatever the
// rules list.
func needsMatch(level eid.Level, rule eid.LevelRule) bool {
	return level != eid.Level1 || len(rule.Biometric) > 0
}

// counts reports whether a match is what the level rests on. One of before the holder
// locked the account proves nobody who may unlock it.
func (a *Application) counts(m Match, rule eid.LevelRule) bool {
	return m.OK && m.Reference != "" && m.At.After(a.Findings.OwnLock) &&
		slices.Contains(rule.Biometric, m.Method) && slices.Contains(rule.Compared[a.Intake.Person.Type], m.Database)
}

// access is how a person comes to an account at their age.
func access(rules *eid.RuleSet, p eid.Person, now time.Time) eid.Access {
	born, err := time.Parse(time.DateOnly, p.BirthDate)
	if err != nil {
		return ""
	}
	return rules.Access(eid.Age(born, now))
}

// String tells nothing of the person.
func (Application) String() string { return "[application]" }

// GoString tells nothing of the person.
func (Application) GoString() string { return "[application]" }

// LogValue tells nothing of the person.
func (Application) LogValue() slog.Value { return slog.StringValue("[application]") }
