package main

import (
	"fmt"
	"io"

	"eidgate/cmd/eidgate/demo"
	"eidgate/eid"
)

// demoRegister is what the demo tells of registering in the app.
type demoRegister struct {
	URL    string           `json:"url"`
	People []demoRegistrant `json:"people"`
}

// demoRegistrant is somebody to register as.
type demoRegistrant struct {
	Number      string `json:"number"` // or passport
	Country     string `json:"country,omitempty"`
	Nationality string `json:"nationality,omitempty"`
	Name        string `json:"name"`
	BirthDate   string `json:"birth_date"` // dd/MM/yyyy
	Gender      string `json:"gender"`
	Note        string `json:"note"`
}

func newDemoRegister(issuer string) demoRegister {
	r := demoRegister{URL: issuer + "/register"}
	for _, p := range demo.Registrants() {
		one := demoRegistrant{
			Number: p.Identifier.Reveal(), Name: p.Typed(), Gender: p.Gender, Note: p.Note.English,
			BirthDate: p.BirthDate[8:] + "/" + p.BirthDate[5:7] + "/" + p.BirthDate[:4],
		}
		if p.Type == eid.Foreigner {
			one.Country, one.Nationality = p.Identifier.Country(), p.Nationality
		}
		r.People = append(r.People, one)
	}
	return r
}

// print writes a row for each.
func (r demoRegister) print(w io.Writer) {
	fmt.Fprintf(w, "\nTO REGISTER AT\tNAME\tBORN\tGENDER\t\tNOTE\n%s\t\t\t\t\tthe code comes by SMS or mail, to any number or address: see messages\n", r.URL)
	for _, p := range r.People {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Number, p.Name, p.BirthDate, p.Gender, p.Country, p.Note)
	}
}
