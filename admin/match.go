package admin

import (
	"net/http"
	"net/url"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

// match has a portrait or a fingerprint compared with a database. The page names the
// capture by its reference: no image passes here.
func (p *Pages) match(w http.ResponseWriter, r *http.Request, d desk) {
	id := r.PathValue("id")
	data := web.OfficerData{Title: "officer.match.title", Intro: "officer.match.intro", Buttons: submit("officer.button.match"), Back: applicationPath(id)}
	a, ok := p.open(w, r, d)
	if !ok {
		return
	}
	rules, err := p.d.Counter.Rules(&a)
	if err != nil {
		p.d.Shell.Failure(w, r, err)
		return
	}
	rule := rules.Level(a.Level)
	fields := func(form url.Values) []web.OfficerField {
		return []web.OfficerField{
			choice(form, fieldMethod, "officer.method.", words(rule.Biometric)...),
			choice(form, fieldDatabase, "officer.database.", words(rule.Compared[a.Intake.Person.Type])...),
			text(form, fieldCapture, "officer.hint.capture", ""),
		}
	}
	if r.Method != http.MethodPost {
		p.beside(w, r, d, data, fields)
		return
	}
	data.Hidden = revisionOf(r.PostForm.Get(fieldRevision))
	method, database := eid.BiometricMethod(line(r.PostForm, fieldMethod)), eid.Database(line(r.PostForm, fieldDatabase))
	if _, err := p.d.Counter.Match(r.Context(), d.by(r), id, revision(r), method, database, line(r.PostForm, fieldCapture)); err != nil {
		data.Fields = fields(r.PostForm)
		p.refused(w, r, d, data, err)
		return
	}
	shell.SeeOther(w, applicationPath(id)+"?done=matched")
}

// matches lists what was compared, whatever came of it.
func (p *Pages) matches(a *counter.Application, path string) web.OfficerList {
	list := web.OfficerList{Title: "officer.list.matches", None: "officer.list.no_matches", More: "officer.button.add_match"}
	for _, m := range a.Matches {
		entry := web.OfficerEntry{Word: "officer.method." + string(m.Method)}
		result := "officer.matched.no"
		if m.OK {
			result = "officer.matched.yes"
		}
		entry.Notes = word(entry.Notes, "result", result)
		entry.Notes = word(entry.Notes, "database", "officer.database."+string(m.Database))
		entry.Notes = append(entry.Notes, web.OfficerFact{Name: "officer.fact.at", Date: m.At})
		entry.Notes = fact(entry.Notes, "comparison", m.Reference)
		if m.Development {
			entry.Notes = word(entry.Notes, "matcher", "officer.matched.development")
		}
		list.Lines = append(list.Lines, entry)
	}
	if path != "" {
		list.Add = path + "/match"
	}
	return list
}
