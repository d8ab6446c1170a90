package admin

import (
	"net/http"

	"eidgate/web"
	"eidgate/web/shell"
)

// todo is the first page of an officer.
func (p *Pages) todo(w http.ResponseWriter, r *http.Request, d desk) {
	data := web.OfficerTodoData{Common: shell.Common(r), Office: d.officer.Office, SignOut: web.Hidden{Action: d.SignOut, CSRF: d.CSRF}}
	p.d.Shell.Render(w, r, web.Page{Name: "officer_todo", Data: data})
}
