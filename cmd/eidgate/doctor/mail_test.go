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
		got := doctor.Mail(t.Context(), tt.address, tt.portals, func(context.Context) error { return tt.ping })
		if len(got) != 1 || got[0].Status != tt.want || (got[0].Mend == "") != (tt.want == doctor.OK) {
			t.Errorf("%s: Mail() = %+v, want one finding: %s", tt.name, got, tt.want)
		}
	}
}
