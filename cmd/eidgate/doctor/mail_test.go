package doctor_test

import (
	"context"
	"errors"
	"testing"

	"eidgate/cmd/eidgate/doctor"
)

func TestMail(t *testing.T) {
	for _, tt := range []struct {
		name, address string
		portals       bool
		ping          error
		want          doctor.Status
	}{
		{"nobody stops, nobody is told", "", false, nil, doctor.OK},
		{"accounts stop, nobody is told", "", true, nil, doctor.Warning},
		{"a server", "mail.example.vn:587", true, nil, doctor.OK},
		{"a server that is away", "mail.example.vn:587", false, errors.New("not reached"), doctor.Fault},
	} {
		got := doctor.Mail(t.Context(), tt.address, tt.portals, server{tt.ping})
		if len(got) != 1 || got[0].Status != tt.want || (got[0].Mend == "") != (tt.want == doctor.OK) {
			t.Errorf("%s: Mail() = %+v, want one finding: %s", tt.name, got, tt.want)
		}
	}
}

// server answers a ping so.
type server struct{ answer error }

func (s server) Ping(context.Context) error { return s.answer }

func TestSMS(t *testing.T) {
	for _, tt := range []struct {
		name, at string
		ping     error
		want     doctor.Status
	}{
		{"nobody is named", "", nil, doctor.OK},
		{"somebody takes us", "smsc.example.vn:3550", nil, doctor.OK},
		{"nobody answers", "smsc.example.vn:3550", errors.New("not reached"), doctor.Fault},
	} {
		got := doctor.SMS(t.Context(), tt.at, server{tt.ping})
		if len(got) != 1 || got[0].Status != tt.want || (got[0].Mend == "") != (tt.want == doctor.OK) {
			t.Errorf("%s: SMS() = %+v, want one finding: %s", tt.name, got, tt.want)
		}
	}
}
