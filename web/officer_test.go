package web

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"eidgate/eid"
)

var officerID = regexp.MustCompile(`"(officer\.[a-z_.]*[a-z_])"`)

// officerMessages are the ids that data name on the pages of officers: those that stand
// in package admin as they are, and those that it puts together.
func officerMessages(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, why := range StoppedReasons() {
		ids = append(ids, "stopped."+why+".title", "stopped."+why+".what")
	}
	for _, why := range []string{DeniedNoOfficer, DeniedTask} {
		ids = append(ids, "officer."+why+".title", "officer."+why+".what")
	}
	files, err := filepath.Glob("../admin/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no package admin: %v", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range officerID.FindAllStringSubmatch(string(body), -1) {
			ids = append(ids, m[1])
		}
	}
	add := func(prefix, values string) {
		for value := range strings.FieldsSeq(values) {
			ids = append(ids, prefix+value)
		}
	}
	add("officer.kind.", strings.Join(OfficerKinds(), " "))
	add("officer.status.", "submitted processing confirmed approved rejected withdrawn")
	add("officer.field.", "scan number country name birth_date gender nationality address phone email card_issue relation paper document_kind document_number issuer expires_on method database capture reason party requester request_document lock remedy as_on_card correction")
	add("officer.fact.", "ref status level due number passport country name birth_date gender nationality address phone email card card_end card_issue returned confirmed decided reason paper issuer expires result database at comparison matcher doubt account party requester request_document set lifted lock decision holder holder_number")
	add("officer.dependent.", "intro")
	add("officer.document.", "intro")
	add("officer.gender.", "male female")
	add("officer.relation.", "child ward")
	for _, kind := range eid.DocumentKinds() {
		add("officer.document.", string(kind))
	}
	add("officer.method.", "portrait fingerprint")
	add("officer.database.", "population citizen_card immigration")
	add("officer.card.", "none valid expired lost cancelled being_issued")
	add("officer.doubt.", "accents year_only contradiction gender digits")
	add("officer.account.", "own_lock")
	add("officer.party.", "holder authority service_user operator registry")
	for _, reason := range eid.LockReasons() {
		add("officer.lock.", string(reason))
	}
	add("officer.done.", "confirmed matched")
	add("officer.as_on_card.", "yes")
	add("officer.correction.", "set_in_error")
	add("officer.fault.", "number.missing number.malformed name.missing name.malformed birth_date.missing birth_date.malformed birth_date.ahead birth_date.guardian birth_date.digits birth_date.own gender.missing gender.digits nationality.missing nationality.malformed nationality.citizen phone.missing phone.malformed email.malformed")
	add("officer.fault.", "dependents.many relation.unknown paper.missing paper.malformed document_kind.unknown document_number.missing document_number.malformed issuer.missing issuer.malformed expires_on.malformed expires_on.past match.unknown capture.malformed")
	add("officer.obstacle.differs.", "number name birth_date gender nationality")
	add("officer.obstacle.card.", "none expired lost cancelled being_issued valid")
	add("officer.obstacle.account.", "locked managed closed higher")
	add("officer.obstacle.", "contradicts card_awaited biometric guardian contact channel")
	return ids
}

// officerTypes reports whether a field of an officer's page gives back what was typed.
func officerTypes(in *element) bool {
	return slices.Contains(strings.Fields("scan number name birth_date address phone email reason ref"), in.attrs["name"])
}

func officerSamples(noon time.Time) []sample {
	common := Common{Ref: "K7QF-2M9D"}
	form := Common{Ref: "K7QF-2M9D", Form: Hidden{Action: "/officer/a/mau", CSRF: "csrf-of-a-sample-desk"}}
	signOut := Hidden{Action: "/signin/officer/end", CSRF: "csrf-of-a-sample-desk"}
	hidden := []Param{{"revision", "3"}}
	facts := []OfficerFact{
		{Name: "officer.fact.ref", Value: "M4U7-K2Q9"}, {Name: "officer.fact.status", Word: "officer.status.processing"}, {Name: "officer.fact.level", Level: eid.Level2},
		{Name: "officer.fact.due", Date: noon}, {Name: "officer.fact.name", Value: "Nguyễn Thị Mẫu"}, {Name: "officer.fact.address", Value: "Số 1 đường Mẫu, phường Mẫu, tỉnh Mẫu"},
		{Name: "officer.fact.card", Word: "officer.card.expired"},
	}
	lists := []OfficerList{
		{Title: "officer.list.dependents", None: "officer.list.no_dependents", Add: "/officer/a/mau/dependent", More: "officer.button.add_dependent", Lines: []OfficerEntry{
			{Word: "officer.relation.child", Text: "Nguyễn Văn Mẫu", Remove: "dependent.0", Label: "officer.button.remove", Notes: []OfficerFact{{Name: "officer.fact.paper", Value: "12/2020"}}},
		}},
		{Title: "officer.list.documents", None: "officer.list.no_documents", Add: "/officer/a/mau/document", More: "officer.button.add_document"},
		{Title: "officer.list.matches", None: "officer.list.no_matches", Lines: []OfficerEntry{{Word: "officer.method.portrait", Notes: []OfficerFact{
			{Name: "officer.fact.result", Word: "officer.matched.yes"}, {Name: "officer.fact.at", Date: noon}, {Name: "officer.fact.matcher", Word: "officer.matched.development"}}}}},
	}
	overview := OfficerData{Common: form, Title: "officer.application.title", Done: "officer.done.matched", Obstacles: []string{"officer.obstacle.card.expired", "officer.obstacle.differs.name"},
		Facts: facts, Lists: lists, Hidden: hidden, Buttons: []OfficerButton{{"read_back", "officer.button.read_back", "primary"}, {"other", "officer.button.remove", "plain"}},
		Links: []OfficerLink{{"/officer/a/mau/data", "officer.button.amend"}, {"/officer/a/mau/decide", "officer.button.decide"}}, Back: "/officer"}
	intake := OfficerData{Common: form, Title: "officer.intake.title", Intro: "officer.intake.intro", Buttons: []OfficerButton{{"", "officer.button.take_in", "primary"}}, Back: "/officer",
		Links: []OfficerLink{{"/officer/new/foreigner", "officer.intake.foreigner"}},
		Fields: []OfficerField{{Name: "scan", Hint: "officer.hint.scan"}, {Name: "number", Mode: "numeric", Value: "001 188 000 001"}, {Name: "name"}, {Name: "birth_date", Hint: "officer.hint.date", Mode: "numeric"},
			{Name: "gender", Choices: []OfficerChoice{{"male", "officer.gender.male", false}, {"female", "officer.gender.female", true}}}, {Name: "address"}, {Name: "phone", Hint: "officer.hint.phone", Mode: "tel"}}}
	wrong, bad := intake, overview
	wrong.Notice = "officer.notice.down"
	wrong.Faults = []FieldProblem{{"number", "officer.fault.number.malformed"}, {"gender", "officer.fault.gender.missing"}, {"phone", "officer.fault.phone.missing"}}
	bad.Facts, bad.Back, bad.Hidden = []OfficerFact{{Name: "officer.fact.name", Value: hostile}}, "/officer", []Param{{hostile, hostile}}
	bad.Compare = []OfficerSides{{Name: "officer.fact.name", Said: hostile, Held: hostile, Differs: true}, {Name: "officer.fact.number", Said: "•••"}, {Name: "officer.fact.country", Said: hostile, Country: true}}
	bad.Lists = []OfficerList{{Title: "officer.list.dependents", Lines: []OfficerEntry{{Text: hostile, Remove: hostile, Label: "officer.button.remove", Notes: []OfficerFact{{Name: "officer.fact.paper", Value: hostile}}}}}}
	review := OfficerData{Common: form, Title: "officer.review.title", Intro: "officer.review.intro", Facts: facts[:1],
		Compare: []OfficerSides{
			{Name: "officer.fact.name", Said: "Nguyễn Thị Mau", Held: "Nguyễn Thị Mẫu", Differs: true}, {Name: "officer.fact.birth_date", Said: "05/09/1990", Held: "1990", Differs: true},
			{Name: "officer.fact.country", Said: "FRA", Held: "LAO", Country: true, Differs: true}, {Name: "officer.fact.nationality", Said: "FRA", Country: true}},
		Fields: []OfficerField{{Name: "reason", Hint: "officer.hint.reason"}}, Buttons: []OfficerButton{{"approve", "officer.button.approve", "primary"}, {"reject", "officer.button.reject", "second"}}, Back: "/officer"}
	check := OfficerCheckData{Common: form, Facts: facts[4:6], Lists: lists[:1], Hidden: hidden, Further: "officer.check.further"}
	withdraw := OfficerData{Common: form, Title: "officer.withdraw.title", Intro: "officer.withdraw.intro", Facts: append(facts[:1:1], OfficerFact{Name: "officer.fact.nationality", Country: "LAO"}),
		Buttons: []OfficerButton{{"", "officer.withdraw.title", "primary"}}, Hidden: hidden, Back: "/officer/a/mau"}
	lines := []OfficerLine{{"confirmed", "M4U7-K2Q9", "/officer/a/mau", noon, true}, {"review", "K7QF-2M9D", "/officer/r/mau", noon, false}, {"lock_request", "Q2WE-R4T6", "/officer/q/mau", noon, false}}
	list := []sample{
		{"officer_denied", Page{Name: "officer_denied", Status: http.StatusForbidden, Data: OfficerDeniedData{Common: common, Why: DeniedNoOfficer, SignOut: signOut}}},
		{"officer_denied-task", Page{Name: "officer_denied", Status: http.StatusForbidden, Data: OfficerDeniedData{Common: common, Why: DeniedTask, SignOut: signOut}}},
		{"officer_todo", Page{Name: "officer_todo", Data: OfficerTodoData{Common: common, Office: "Công an phường Mẫu", Lines: lines, New: true, Locks: true, More: true, Done: "officer.done.decided", SignOut: signOut}}},
		{"officer_todo-none", Page{Name: "officer_todo", Data: OfficerTodoData{Common: common, Office: "Công an phường Mẫu", SignOut: signOut}}},
		{"officer_todo-hostile", Page{Name: "officer_todo", Data: OfficerTodoData{Common: common, Office: hostile, Search: hostile, None: true, SignOut: signOut}}},
		{"officer", Page{Name: "officer", Data: overview}},
		{"officer-intake", Page{Name: "officer", Data: intake}},
		{"officer-wrong", Page{Name: "officer", Status: http.StatusUnprocessableEntity, Data: wrong}},
		{"officer-withdraw", Page{Name: "officer", Data: withdraw}},
		{"officer-review", Page{Name: "officer", Data: review}},
		{"officer-bare", Page{Name: "officer", Data: OfficerData{Common: common, Title: "officer.application.title"}}},
		{"officer-hostile", Page{Name: "officer", Data: bad}},
		{"officer_check", Page{Name: "officer_check", Data: check}},
	}
	for _, why := range StoppedReasons() {
		list = append(list, sample{"stopped-" + why, Page{Name: "stopped", Status: http.StatusForbidden, Data: StoppedData{Common: common, Why: why, Again: "/me"}}})
	}
	return append(list, sample{"stopped-kept", Page{Name: "stopped", Status: http.StatusForbidden, Data: StoppedData{Common: common, Why: StoppedEnded, Again: "/me/ways", Kept: true}}})
}
