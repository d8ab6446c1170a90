package admin

import (
	"errors"
	"net/http"
	"slices"

	"eidgate/eid"
	"eidgate/eid/accounts"
	"eidgate/eid/civil"
	"eidgate/eid/counter"
	"eidgate/eid/registration"
	"eidgate/web"
)

// refused shows a form again after an error, with what was typed and what is wrong.
func (p *Pages) refused(w http.ResponseWriter, r *http.Request, d desk, data web.OfficerData, err error) {
	var intake *counter.IntakeError
	if errors.As(err, &intake) {
		for _, f := range intake.Faults {
			data.Faults = append(data.Faults, faultOf(f, data.Fields))
		}
		p.show(w, r, d, data)
		return
	}
	var obstacles *counter.ObstacleError
	if errors.As(err, &obstacles) {
		data.Notice = "officer.notice.obstacle"
		p.show(w, r, d, data)
		return
	}
	if errors.Is(err, counter.ErrReason) || errors.Is(err, registration.ErrReason) {
		data.Faults = []web.FieldProblem{{Field: fieldReason, Message: "officer.fault.reason"}}
		p.show(w, r, d, data)
		return
	}
	if data.Notice = noticeOf(err); data.Notice == "" {
		p.barred(w, r, d, err)
		return
	}
	p.show(w, r, d, data)
}

// notices are what officers are told of an error that is about what they work on, and no failure.
func notices() []struct {
	err error
	id  string
} {
	return []struct {
		err error
		id  string
	}{
		{counter.ErrStale, "officer.notice.stale"}, {counter.ErrSameOfficer, "officer.notice.same_officer"}, {counter.ErrStatus, "officer.notice.status"},
		{counter.ErrNotShown, "officer.notice.not_shown"}, {counter.ErrTooMany, "officer.notice.too_many"}, {eid.ErrExists, "officer.notice.exists"},
		{civil.ErrDown, "officer.notice.down"}, {registration.ErrDecided, "officer.notice.status"}, {registration.ErrUnknownBirthDate, "officer.notice.year_only"},
		{accounts.ErrDecided, "officer.notice.status"}, {accounts.ErrNotAllowed, "officer.notice.not_allowed"}, {accounts.ErrTerminal, "officer.notice.terminal"},
		{accounts.ErrOtherRequester, "officer.notice.other_requester"}, {accounts.ErrOwnAccount, "officer.notice.own"}, {accounts.ErrNoRoom, "officer.notice.too_many"},
		{accounts.ErrInvalid, "officer.notice.invalid"}, {counter.ErrOwn, "officer.notice.own"},
	}
}

// noticeOf is the id of what is said of an error; empty for a failure, and for what an
// officer may not see.
func noticeOf(err error) string {
	for _, n := range notices() {
		if errors.Is(err, n.err) {
			return n.id
		}
	}
	return ""
}

// faultOf ties a fault to a field of the form that is shown, the first where it has none
// of that name.
func faultOf(f counter.Fault, shown []web.OfficerField) web.FieldProblem {
	problem := web.FieldProblem{Message: "officer.fault.other"}
	for _, known := range faults() {
		if known == string(f.Field)+"."+string(f.Why) {
			problem.Message = "officer.fault." + known
		}
	}
	passport := slices.ContainsFunc(shown, func(field web.OfficerField) bool { return field.Name == fieldCountry })
	if passport && f.Field == eid.FieldNumber {
		problem.Message = "officer.fault.passport"
	}
	for _, field := range shown {
		if field.Name == string(f.Field) {
			problem.Field = field.Name
		}
	}
	if problem.Field == "" && len(shown) > 0 {
		problem.Field = shown[0].Name
	}
	return problem
}

// faults are those that have words of their own.
func faults() []string {
	return []string{
		"number.missing", "number.malformed", "name.missing", "name.malformed", "birth_date.missing", "birth_date.malformed", "birth_date.ahead", "birth_date.guardian",
		"birth_date.digits", "gender.missing", "gender.digits", "nationality.missing", "nationality.malformed", "nationality.citizen", "phone.missing", "phone.malformed", "email.malformed",
		"relation.unknown", "birth_date.own", "paper.missing", "paper.malformed", "dependents.many",
		"document_kind.unknown", "document_number.missing", "document_number.malformed", "issuer.missing", "issuer.malformed", "expires_on.malformed", "expires_on.past",
		"match.unknown", "capture.malformed",
	}
}

// obstacleWords say what is in the way, and what to do next. Which fields differ is said
// here, at a counter, and nowhere else.
func obstacleWords(a *counter.Application, list []counter.Obstacle) []string {
	var ids []string
	// Registries answer for no number alone: one who is not found differs in nothing that
	// could be named.
	unknown := slices.Contains(list, counter.Obstacle{Kind: counter.ObstacleDiffers, Field: eid.FieldNumber})
	for _, o := range list {
		if unknown && o.Kind == counter.ObstacleDiffers && o.Field != eid.FieldNumber {
			continue
		}
		id := "officer.obstacle." + string(o.Kind)
		switch o.Kind {
		case counter.ObstacleDiffers:
			id += "." + string(o.Field)
		case counter.ObstacleCard:
			if a.Intake.CardIssue != "" { // all is done here, the registry is not as far
				id += "_awaited"
			} else {
				id += "." + cardName(o.Card)
			}
		case counter.ObstacleAccount:
			id += "." + string(o.Stands)
		default:
		}
		ids = append(ids, id)
	}
	return ids
}

// cardName names the state of a card in ids.
func cardName(s civil.CardStatus) string {
	if s == civil.CardNone {
		return "none"
	}
	return string(s)
}

func cardWord(s civil.CardStatus) string { return "officer.card." + cardName(s) }
