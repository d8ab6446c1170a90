package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/audit"
	"eidgate/store"
	"eidgate/web"
)

// Fields of the page of locks.
const (
	fieldParty      = "party"
	fieldRequester  = "requester"
	fieldPaperNo    = "request_document"
	fieldLockCase   = "case" // the account that was found within a case, sealed
	fieldLock       = "lock"
	fieldRemedy     = "remedy"
	fieldCorrection = "correction"
)

func lockFields() []string {
	return []string{fieldParty, fieldRequester, fieldPaperNo, fieldCountry, fieldLockCase, fieldLock, fieldRemedy, fieldCorrection}
}

// setInError is the value of fieldCorrection: the document says that the lock was.
const setInError = "set_in_error"

// Bounds of the look-ups of one officer: each finds out whether somebody has an account.
const (
	maxLookUps  = 100
	lookUpsSpan = 24 * time.Hour
)

// Actions of the page of locks.
const (
	actSet  = "set"
	actLift = "lift."
)

// caseTime is how long an account that was found may be worked on.
const caseTime = time.Hour

// lockCase is on what an officer found an account: somebody asked, with a document.
type lockCase struct {
	Account   eid.AccountID `json:"account"`
	Number    string        `json:"number"` // masked, and the name: the document is about this person, and no other
	Name      string        `json:"name"`
	Officer   eid.AccountID `json:"officer"`
	Party     eid.LockParty `json:"party"`
	Requester string        `json:"requester"`
	Document  string        `json:"document"`
	Until     time.Time     `json:"until"`
}

const lockCasePlace = "officer/lock-case"

// parties are those whom an officer acts for here. A service user's request has a queue of
// its own, a holder's lock pages of the holder's own.
func parties() []eid.LockParty {
	return []eid.LockParty{eid.ByAuthority, eid.ByOperator, eid.ByRegistry}
}

// locks sets and lifts locks. An account is found by its number within a case only: who
// asks, with which document, goes on record with the look.
func (p *Pages) locks(w http.ResponseWriter, r *http.Request, d desk) {
	form := r.PostForm
	if r.Method != http.MethodPost {
		form = d.Typed
	}
	if sealed := form.Get(fieldLockCase); sealed != "" {
		if c, ok := p.openCase(sealed, d); ok {
			p.lockCase(w, r, d, c, sealed, form)
			return
		}
		p.findPage(w, r, d, nil, web.OfficerData{Notice: "officer.notice.case_over"})
		return
	}
	if r.Method != http.MethodPost {
		p.findPage(w, r, d, form, web.OfficerData{})
		return
	}
	p.find(w, r, d, form)
}

// findPage asks for the case and the number.
func (p *Pages) findPage(w http.ResponseWriter, r *http.Request, d desk, form url.Values, data web.OfficerData) {
	data.Title, data.Intro, data.Back = "officer.locks.title", "officer.locks.intro", Path
	data.Fields = []web.OfficerField{
		choice(form, fieldParty, "officer.party.", words(parties())...), text(form, fieldRequester, "", ""), text(form, fieldPaperNo, "officer.hint.request_document", ""),
		{Name: string(eid.FieldNumber)}, // typed anew each time: it is kept nowhere
		text(form, fieldCountry, "officer.hint.country_if_passport", ""),
	}
	data.Buttons = submit("officer.button.find")
	p.show(w, r, d, data)
}

// identifierOf reads whom a case is about: a passport where its country is given, else a
// personal number.
func identifierOf(form url.Values) (eid.Identifier, error) {
	typed := form.Get(string(eid.FieldNumber))
	if country := upper(form, fieldCountry); country != "" {
		return eid.ParsePassport(country, typed)
	}
	number, err := eid.ParsePersonalNumber(typed)
	return eid.IdentifierOf(number), err
}

// wrongIdentifier is the message of what identifierOf does not read.
func wrongIdentifier(form url.Values) string {
	switch {
	case line(form, string(eid.FieldNumber)) == "":
		return "officer.fault.number.missing"
	case line(form, fieldCountry) != "":
		return "officer.fault.passport"
	}
	return "officer.fault.number.malformed"
}

// find looks for the account, once the case is on record. That nobody has the number
// leaves a row, too.
func (p *Pages) find(w http.ResponseWriter, r *http.Request, d desk, form url.Values) {
	c := lockCase{
		Officer: d.officer.Account, Party: eid.LockParty(line(form, fieldParty)), Requester: line(form, fieldRequester),
		Document: line(form, fieldPaperNo), Until: p.d.Now().Add(caseTime),
	}
	var data web.OfficerData
	add := func(wrong bool, field, id string) {
		if wrong {
			data.Faults = append(data.Faults, web.FieldProblem{Field: field, Message: id})
		}
	}
	add(!slices.Contains(parties(), c.Party), fieldParty, "officer.fault.party")
	add(!oneLine(c.Requester), fieldRequester, "officer.fault.requester")
	add(!oneLine(c.Document), fieldPaperNo, "officer.fault.request_document")
	who, err := identifierOf(form)
	add(err != nil, string(eid.FieldNumber), wrongIdentifier(form))
	if len(data.Faults) > 0 {
		p.findPage(w, r, d, form, data)
		return
	}
	may, err := p.mayLookUp(r.Context(), d.officer.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	if !may {
		p.findPage(w, r, d, form, web.OfficerData{Notice: "officer.notice.look_ups"})
		return
	}
	account, err := p.d.People.AccountByIdentifier(r.Context(), who)
	if err != nil && !errors.Is(err, eid.ErrNotFound) {
		p.d.Shell.Failure(w, r, err)
		return
	}
	look := audit.LookUp{Role: "officer", Reason: c.Document}
	if err != nil {
		look.Number = p.d.People.MarkOf(who)
	}
	detail, wrong := json.Marshal(look)
	if wrong == nil {
		wrong = p.d.People.Record(r.Context(), eid.AuditEntry{
			At: p.d.Now(), Actor: d.actor(), Action: audit.ActionLookedUp, Account: account.ID, Ref: web.VisitOf(r).Ref, Detail: detail,
		})
	}
	if wrong != nil { // what is not on record is not shown
		p.d.Shell.Failure(w, r, wrong)
		return
	}
	if err != nil {
		p.findPage(w, r, d, form, web.OfficerData{Notice: "officer.notice.nobody"})
		return
	}
	c.Account, c.Number, c.Name = account.ID, account.Person.Identifier.String(), account.Person.Name
	sealed, err := p.sealCase(c)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	p.lockPage(w, r, d, c, sealed, web.OfficerData{}, nil)
}

// oneLine reports whether a text can go on record as the name of somebody or something.
func oneLine(text string) bool {
	return text != "" && len(text) <= 200 && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// mayLookUp counts a look-up of an officer before it is made, whomever it finds.
func (p *Pages) mayLookUp(ctx context.Context, officer eid.AccountID) (bool, error) {
	counted, err := p.d.State.Apply(ctx, "officer:"+string(officer), store.Count("look-ups", maxLookUps, lookUpsSpan))
	if err != nil {
		return false, fmt.Errorf("counting look-ups: %w", err)
	}
	return len(counted) == 1 && counted[0].OK, nil
}

// lockCase does what a button of a case says.
func (p *Pages) lockCase(w http.ResponseWriter, r *http.Request, d desk, c lockCase, sealed string, form url.Values) {
	if r.Method != http.MethodPost {
		p.lockPage(w, r, d, c, sealed, web.OfficerData{}, form)
		return
	}
	act := accounts.LockAct{
		By: c.Party, Requester: c.Requester, Document: c.Document, Remedy: line(form, fieldRemedy),
		Officer: d.officer.Account, Actor: d.actor(), Ref: web.VisitOf(r).Ref,
	}
	var err error
	var data web.OfficerData
	switch action := form.Get(web.FieldAction); {
	case action == actSet:
		data.Done = "officer.done.locked"
		_, err = p.d.Locks.Set(r.Context(), c.Account, eid.LockReason(form.Get(fieldLock)), act)
	case strings.HasPrefix(action, actLift):
		data.Done = "officer.done.lifted"
		act.Correction = form.Get(fieldCorrection) == setInError
		err = p.d.Locks.Lift(r.Context(), c.Account, strings.TrimPrefix(action, actLift), act)
	default:
		data.Notice = "officer.notice.button"
	}
	if err != nil {
		data.Done, data.Notice = "", noticeOf(err)
		if data.Notice == "" {
			p.barred(w, r, d, err)
			return
		}
	}
	p.lockPage(w, r, d, c, sealed, data, form)
}

// lockPage shows the locks of an account within a case.
func (p *Pages) lockPage(w http.ResponseWriter, r *http.Request, d desk, c lockCase, sealed string, data web.OfficerData, form url.Values) {
	rules, err := p.d.Rules.At(p.d.Now())
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	list, err := p.d.Locks.Of(r.Context(), c.Account)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	data.Title, data.Intro, data.Back = "officer.locks.title", "officer.locks.case", Path+"/locks"
	data.Facts = fact(fact(nil, "holder", c.Name), "holder_number", c.Number)
	data.Facts = fact(word(data.Facts, "party", "officer.party."+string(c.Party)), "requester", c.Requester)
	data.Facts = fact(data.Facts, "request_document", c.Document)
	data.Lists = []web.OfficerList{lockList(list, true)}
	var reasons []string
	for _, reason := range eid.LockReasons() {
		if rule := rules.Lock(reason); rule.MaySet(c.Party) {
			reasons = append(reasons, string(reason))
		}
	}
	data.Hidden = []web.Param{{Name: fieldLockCase, Value: sealed}}
	data.Fields = liftFields(rules, list, c.Party, form)
	if len(reasons) > 0 {
		data.Fields = append(data.Fields, choice(form, fieldLock, "officer.lock.", reasons...))
		data.Buttons = []web.OfficerButton{{Action: actSet, Word: "officer.button.lock", Kind: "primary"}}
	}
	p.show(w, r, d, data)
}

// liftFields are what the end of a lock may need, of the locks in force: how a breach was
// remedied, and an authority's word that one which nobody else lifts was set in error
// (row 33).
func liftFields(rules eid.RuleSet, list []accounts.LockRecord, by eid.LockParty, form url.Values) []web.OfficerField {
	var fields []web.OfficerField
	var remedy, terminal bool
	for _, l := range list {
		if l.LiftedAt.IsZero() {
			rule := rules.Lock(l.Reason)
			remedy, terminal = remedy || rule.Remedy, terminal || rule.Terminal()
		}
	}
	if remedy {
		fields = append(fields, text(form, fieldRemedy, "officer.hint.remedy", ""))
	}
	if terminal && by == eid.ByAuthority {
		fields = append(fields, choice(form, fieldCorrection, "officer.correction.", setInError))
	}
	return fields
}

// lockList lists locks, those that ended too; a button lifts one in force.
func lockList(list []accounts.LockRecord, liftable bool) web.OfficerList {
	out := web.OfficerList{Title: "officer.list.locks", None: "officer.list.no_locks"}
	for _, l := range list {
		entry := web.OfficerEntry{Word: "officer.lock." + string(l.Reason)}
		entry.Notes = word(entry.Notes, "party", "officer.party."+string(l.SetBy))
		entry.Notes = fact(entry.Notes, "requester", l.Requester)
		entry.Notes = fact(entry.Notes, "request_document", l.Document)
		entry.Notes = append(entry.Notes, web.OfficerFact{Name: "officer.fact.set", Date: l.SetAt})
		if !l.LiftedAt.IsZero() {
			entry.Notes = append(entry.Notes, web.OfficerFact{Name: "officer.fact.lifted", Date: l.LiftedAt})
		} else if liftable {
			entry.Remove, entry.Label = actLift+l.ID, "officer.button.lift"
		}
		out.Lines = append(out.Lines, entry)
	}
	return out
}

func (p *Pages) sealCase(c lockCase) (string, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	sealed, err := p.d.Sealer.Seal(raw, lockCasePlace)
	return encode(sealed), err
}

// openCase opens a case of this officer that is not over.
func (p *Pages) openCase(text string, d desk) (lockCase, bool) {
	sealed, err := decode(text)
	if err != nil {
		return lockCase{}, false
	}
	raw, err := p.d.Sealer.Open(sealed, lockCasePlace)
	if err != nil {
		return lockCase{}, false
	}
	var c lockCase
	err = json.Unmarshal(raw, &c)
	return c, err == nil && c.Officer == d.officer.Account && p.d.Now().Before(c.Until)
}
