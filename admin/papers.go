package admin

import (
	"net/http"
	"net/url"
	"strconv"

	"eidgate/eid"
	"eidgate/eid/counter"
	"eidgate/web"
	"eidgate/web/shell"
)

func dependentFields() []string {
	return []string{fieldRelation, string(eid.FieldName), string(eid.FieldBirthDate), string(eid.FieldNumber), fieldPaper}
}

func documentFields() []string {
	return []string{fieldKind, fieldDocNumber, fieldIssuer, fieldExpires}
}

// dependent notes somebody whom the person declares, with the paper that shows it.
func (p *Pages) dependent(w http.ResponseWriter, r *http.Request, d desk) {
	fields := func(form url.Values) []web.OfficerField {
		return []web.OfficerField{
			choice(form, fieldRelation, "officer.relation.", words(counter.Relations())...), text(form, string(eid.FieldName), "", ""),
			text(form, string(eid.FieldBirthDate), "officer.hint.date", "numeric"), text(form, string(eid.FieldNumber), "officer.hint.number_if_any", "numeric"), text(form, fieldPaper, "officer.hint.paper", ""),
		}
	}
	p.paper(w, r, d, "officer.dependent.title", fields, func(by counter.By, id string, at int, form url.Values) error {
		dep := counter.Dependent{
			Relation: counter.Relation(line(form, fieldRelation)), Name: line(form, string(eid.FieldName)),
			BirthDate: dateOf(line(form, string(eid.FieldBirthDate))), Paper: line(form, fieldPaper),
		}
		if typed := line(form, string(eid.FieldNumber)); typed != "" {
			dep.Identifier = eid.NewIdentifier(eid.KindPersonalNumber, vietnam, typed)
			if number, err := eid.ParsePersonalNumber(typed); err == nil {
				dep.Identifier = eid.IdentifierOf(number)
			}
		}
		_, err := p.d.Counter.AddDependent(r.Context(), by, id, at, dep)
		return err
	})
}

// document notes a document whose original the officer has compared.
func (p *Pages) document(w http.ResponseWriter, r *http.Request, d desk) {
	fields := func(form url.Values) []web.OfficerField {
		return []web.OfficerField{
			choice(form, fieldKind, "officer.document.", words(eid.DocumentKinds())...), text(form, fieldDocNumber, "", ""),
			text(form, fieldIssuer, "", ""), text(form, fieldExpires, "officer.hint.expires", "numeric"),
		}
	}
	p.paper(w, r, d, "officer.document.title", fields, func(by counter.By, id string, at int, form url.Values) error {
		_, err := p.d.Counter.AddDocument(r.Context(), by, id, at, eid.Document{
			Kind: eid.DocumentKind(line(form, fieldKind)), Number: eid.NewSecret(line(form, fieldDocNumber)),
			Issuer: line(form, fieldIssuer), ExpiresOn: dateOf(line(form, fieldExpires)),
		})
		return err
	})
}

// paper is the page of a paper to note.
func (p *Pages) paper(w http.ResponseWriter, r *http.Request, d desk, title string,
	fields func(url.Values) []web.OfficerField, add func(by counter.By, id string, at int, form url.Values) error,
) {
	id := r.PathValue("id")
	data := web.OfficerData{Title: title, Intro: title[:len(title)-len("title")] + "intro", Buttons: submit("officer.button.save"), Back: applicationPath(id)}
	if r.Method != http.MethodPost {
		p.beside(w, r, d, data, fields)
		return
	}
	data.Hidden = revisionOf(r.PostForm.Get(fieldRevision))
	if err := add(d.by(r), id, revision(r), r.PostForm); err != nil {
		data.Fields = fields(r.PostForm)
		p.refused(w, r, d, data, err)
		return
	}
	shell.SeeOther(w, applicationPath(id))
}

// beside shows an empty form that belongs to an application, or what was typed in it.
func (p *Pages) beside(w http.ResponseWriter, r *http.Request, d desk, data web.OfficerData, fields func(url.Values) []web.OfficerField) {
	at := d.Typed.Get(fieldRevision)
	if d.Typed == nil {
		a, ok := p.open(w, r, d)
		if !ok {
			return
		}
		at = strconv.Itoa(a.Revision)
	}
	data.Fields, data.Hidden = fields(d.Typed), revisionOf(at)
	p.show(w, r, d, data)
}

// dependents lists those of an application; they can be taken out where path is not
// empty.
func (p *Pages) dependents(a *counter.Application, path string) web.OfficerList {
	list := web.OfficerList{Title: "officer.list.dependents", None: "officer.list.no_dependents", More: "officer.button.add_dependent"}
	for i, dep := range a.Papers.Dependents {
		entry := web.OfficerEntry{Word: "officer.relation." + string(dep.Relation), Text: dep.Name}
		entry.Notes = fact(entry.Notes, "birth_date", shownDate(dep.BirthDate))
		if !dep.Identifier.IsZero() {
			entry.Notes = fact(entry.Notes, "number", dep.Identifier.String())
		}
		entry.Notes = fact(entry.Notes, "paper", dep.Paper)
		if path != "" {
			entry.Remove, entry.Label = actDependent+strconv.Itoa(i), "officer.button.remove"
		}
		list.Lines = append(list.Lines, entry)
	}
	if path != "" {
		list.Add = path + "/dependent"
	}
	return list
}

// documents lists those of an application, as dependents does.
func (p *Pages) documents(a *counter.Application, path string) web.OfficerList {
	list := web.OfficerList{Title: "officer.list.documents", None: "officer.list.no_documents", More: "officer.button.add_document"}
	for _, doc := range a.Papers.Documents {
		entry := web.OfficerEntry{Word: "officer.document." + string(doc.Kind), Text: tail(doc.Number.Reveal())}
		entry.Notes = fact(entry.Notes, "issuer", doc.Issuer)
		entry.Notes = fact(entry.Notes, "expires", shownDate(doc.ExpiresOn))
		if path != "" {
			entry.Remove, entry.Label = actDocument+string(doc.Kind), "officer.button.remove"
		}
		list.Lines = append(list.Lines, entry)
	}
	if path != "" {
		list.Add = path + "/document"
	}
	return list
}
