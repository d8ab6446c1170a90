package web

import (
	"net/http"
	"time"
)

// officerMessages are the ids that data name on the pages of officers.
func officerMessages() []string {
	var ids []string
	for _, why := range StoppedReasons() {
		ids = append(ids, "stopped."+why+".title", "stopped."+why+".what")
	}
	for _, why := range []string{DeniedNoOfficer, DeniedTask} {
		ids = append(ids, "officer."+why+".title", "officer."+why+".what")
	}
	return ids
}

func officerSamples(_ time.Time) []sample {
	common := Common{Ref: "K7QF-2M9D"}
	signOut := Hidden{Action: "/signin/officer/end", CSRF: "csrf-of-a-sample-desk"}
	list := []sample{
		{"officer_denied", Page{Name: "officer_denied", Status: http.StatusForbidden, Data: OfficerDeniedData{Common: common, Why: DeniedNoOfficer, SignOut: signOut}}},
		{"officer_denied-task", Page{Name: "officer_denied", Status: http.StatusForbidden, Data: OfficerDeniedData{Common: common, Why: DeniedTask, SignOut: signOut}}},
		{"officer_todo", Page{Name: "officer_todo", Data: OfficerTodoData{Common: common, Office: "Công an phường Mẫu", SignOut: signOut}}},
		{"officer_todo-hostile", Page{Name: "officer_todo", Data: OfficerTodoData{Common: common, Office: hostile, SignOut: signOut}}},
	}
	for _, why := range StoppedReasons() {
		list = append(list, sample{"stopped-" + why, Page{Name: "stopped", Status: http.StatusForbidden, Data: StoppedData{Common: common, Why: why, Again: "/me"}}})
	}
	return append(list, sample{"stopped-kept", Page{Name: "stopped", Status: http.StatusForbidden, Data: StoppedData{Common: common, Why: StoppedEnded, Again: "/me/ways", Kept: true}}})
}
