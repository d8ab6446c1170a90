package provider

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// filled gives every exported field below v a value of its own, so that one that a
// record forgets is missed.
func filled(t *testing.T, v reflect.Value, n *int64) {
	t.Helper()
	*n++
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(*n, *n).UTC()
		return
	case *[]byte:
		*at = []byte{byte(*n), 0, '\n'}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled(t, v.Field(i), n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			filled(t, v.Index(i), n)
		}
	case reflect.String:
		v.SetString("chữ \x00\n" + string(rune('a'+*n%26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a record has a field of kind %s, which this test does not fill", v.Kind())
	}
}

// Records come back with every field that they have, from their own format and from
// the JSON that the version before kept.
func TestRecordsKeepEveryField(t *testing.T) {
	var n int64
	var grant, sparse grantRecord
	var access accessRecord
	filled(t, reflect.ValueOf(&grant).Elem(), &n)
	filled(t, reflect.ValueOf(&access).Elem(), &n)
	for _, want := range []grantRecord{grant, sparse} {
		before, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range [][]byte{want.record(), before} {
			got, err := readGrant(raw)
			if diff := cmp.Diff(got, want, cmpopts.IgnoreUnexported(requestedClaims{})); err != nil || diff != "" {
				t.Errorf("grant read of %q: %v (-got +want):\n%s", raw, err, diff)
			}
		}
	}
	var whole session
	filled(t, reflect.ValueOf(&whole).Elem(), &n)
	for _, want := range []session{whole, {}} {
		got, err := readSession(want.record())
		if diff := cmp.Diff(got, want); err != nil || diff != "" {
			t.Errorf("session read of %q: %v (-got +want):\n%s", want.record(), err, diff)
		}
	}
	for _, want := range []accessRecord{access, {}} {
		before, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range [][]byte{want.record(), before} {
			got, err := readAccess(raw)
			if diff := cmp.Diff(got, want); err != nil || diff != "" {
				t.Errorf("token read of %q: %v (-got +want):\n%s", raw, err, diff)
			}
		}
	}
}

// A grant of the format before has no documents and no ProvedAt, and everything else.
func TestGrantsOfTheFormatBefore(t *testing.T) {
	var n int64
	var grant grantRecord
	filled(t, reflect.ValueOf(&grant).Elem(), &n)
	raw := writeFields(withDocuments-1, grant.fields)
	grant.Grant.Documents, grant.Grant.ProvedAt = nil, time.Time{}
	got, err := readGrant(raw)
	if diff := cmp.Diff(got, grant, cmpopts.IgnoreUnexported(requestedClaims{})); err != nil || diff != "" {
		t.Errorf("grant read of %q: %v (-got +want):\n%s", raw, err, diff)
	}
	if _, err := readGrant(wrapped(append(unwrapped(t, raw), 0))); err == nil {
		t.Error("a grant of the format before that was lengthened is read")
	}
}

// The version before reads every record as an empty one: nothing is valid under it, and
// nothing fails. It is what a version that is taken back finds, and a replica that is
// not upgraded yet.
func TestRecordsAreEmptyToTheVersionBefore(t *testing.T) {
	var n int64
	var grant, asGrant grantRecord
	var access, asAccess accessRecord
	var whole session
	filled(t, reflect.ValueOf(&grant).Elem(), &n)
	filled(t, reflect.ValueOf(&access).Elem(), &n)
	filled(t, reflect.ValueOf(&whole).Elem(), &n)
	if err := json.Unmarshal(grant.record(), &asGrant); err != nil || !reflect.DeepEqual(asGrant, grantRecord{}) {
		t.Errorf("the version before reads a grant as %+v, %v; want an empty one", asGrant, err)
	}
	if err := json.Unmarshal(access.record(), &asAccess); err != nil || !reflect.DeepEqual(asAccess, accessRecord{}) {
		t.Errorf("the version before reads a token as %+v, %v; want an empty one", asAccess, err)
	}
	if got, err := readJSONSession(whole.record()); err != nil || !reflect.DeepEqual(got, session{}) {
		t.Errorf("the version before reads a session as %+v, %v; want an empty one", got, err)
	}
}

// unwrapped are the bytes of the fields of a record, and wrapped a record of bytes.
func unwrapped(t *testing.T, record []byte) []byte {
	t.Helper()
	plain, err := fieldsText.DecodeString(string(record[len(fieldsBegin) : len(record)-len(fieldsEnd)]))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clip(plain)
}

func wrapped(plain []byte) []byte {
	return []byte(fieldsBegin + fieldsText.EncodeToString(plain) + fieldsEnd)
}

// What was cut off, lengthened, or never was a record is not read as one.
func TestRecordsThatAreNone(t *testing.T) {
	var n int64
	var grant grantRecord
	filled(t, reflect.ValueOf(&grant).Elem(), &n)
	whole := grant.record()
	plain := unwrapped(t, whole)
	for i := range whole {
		if _, err := readGrant(whole[:i]); err == nil {
			t.Errorf("the first %d of %d bytes are read as a grant", i, len(whole))
		}
	}
	huge := func(length int64) []byte {
		return writeFields(grantFormat, func(f *fields) { number(f, &length) })
	}
	for name, raw := range map[string][]byte{
		"lengthened": append(slices.Clone(whole), 0), "lengthened inside": wrapped(append(plain, 0)), "no format": wrapped(append([]byte{0}, plain[1:]...)), "nothing": {},
		"nothing inside": wrapped(nil), "a line break": bytes.Replace(whole, []byte(fieldsBegin), []byte(fieldsBegin+"\n"), 1),
		"a long text": huge(math.MaxInt64), "less than nothing": huge(-1),
		"a number without end": wrapped([]byte{grantFormat, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}),
		"text":                 []byte("grant"), "JSON cut off": []byte(`{"sub":"a`),
	} {
		if got, err := readGrant(raw); err == nil {
			t.Errorf("%s is read as a grant: %+v", name, got)
		}
		if got, err := readAccess(raw); err == nil {
			t.Errorf("%s is read as a token: %+v", name, got)
		}
		if got, err := readSession(raw); err == nil {
			t.Errorf("%s is read as a session: %+v", name, got)
		}
	}
	later := wrapped(append(append([]byte{grantFormat + 1}, plain[1:]...), "what comes with the next version"...))
	if got, err := readGrant(later); err != nil || !cmp.Equal(got, grant, cmpopts.IgnoreUnexported(requestedClaims{})) {
		t.Errorf("a grant of the next version is read as %+v, %v; want what this version knows of it", got, err)
	}
	endless := writeFields(accessFormat, func(f *fields) {
		a := accessRecord{Family: "family:x"}
		text(f, &a.Family)
		moment(f, &a.IssuedAt)
		moment(f, &a.ExpiresAt)
		n := 1 << 40
		number(f, &n)
	})
	if got, err := readAccess(endless); err == nil {
		t.Errorf("a list without end is read: %+v", got)
	}
}
