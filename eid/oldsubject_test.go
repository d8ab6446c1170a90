package eid_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"eidgate/eid"
)

// Personal numbers are synthetic.
func TestCheckOldSubject(t *testing.T) {
	for _, tt := range []struct {
		text string
		want error
	}{
		{"a", nil},
		{"248289761001", eid.ErrSubjectNumber}, // twelve digits alone, whatever the place
		{"1", nil}, {"48213", nil}, {"12345678", nil}, {"1234567890123", nil},
		{"user-48213", nil}, {"nguyenvana@portal.example", nil}, {"DVC.2021.000481", nil},
		{"550e8400-e29b-41d4-a716-446655440000", nil},
		{"0f8fad5b-d9cb-469f-a165-001088000001", nil}, // random as a whole
		{"00000000-0000-0000-0000-001088000001", eid.ErrSubjectNumber},
		{"9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d", nil},
		{"auth0|5f7c8ec7c33c6c004bbafe82", nil},
		{"x" + strings.Repeat("y", 254), nil},
		{"http://idp.example/users?id=77#me", nil},

		{"", eid.ErrSubjectForm}, {strings.Repeat("y", 256), eid.ErrSubjectForm},
		{"Nguyễn", eid.ErrSubjectForm}, {"a b", eid.ErrSubjectForm}, {"a\x00", eid.ErrSubjectForm}, {"a\n", eid.ErrSubjectForm},
		{"\xff", eid.ErrSubjectForm}, {"001O8800000l", eid.ErrSubjectNumber},
		{"０0108800000１", eid.ErrSubjectForm}, {"٠٠١٠٨٨٠٠٠٠٠١", eid.ErrSubjectForm},
		{"001088000001\u200b", eid.ErrSubjectForm}, {"ООО123456", eid.ErrSubjectForm}, // Cyrillic

		{"001088000001", eid.ErrSubjectNumber}, {"001.088.000001", eid.ErrSubjectNumber}, {"001-088-000-001", eid.ErrSubjectNumber},
		{"0/0/1/0/8/8/0/0/0/0/0/1", eid.ErrSubjectNumber}, {"_001088000001_", eid.ErrSubjectNumber}, {"OOIO88OOOOOI", eid.ErrSubjectNumber},
		{"1088000001", eid.ErrSubjectNumber}, {"11088000001", eid.ErrSubjectNumber},
		{"cccd001088000001", eid.ErrSubjectNumber}, {"CCCD:001088000001", eid.ErrSubjectNumber}, {"user001088000001", eid.ErrSubjectNumber},
		{"urn:x:001088000001", eid.ErrSubjectNumber}, {"001088000001@portal.example", eid.ErrSubjectNumber}, {"k-001088000001-2", eid.ErrSubjectNumber},
		{"%30%30%31%30%38%38000001", eid.ErrSubjectNumber}, {"MDAxMDg4MDAwMDAx", eid.ErrSubjectNumber}, {"303031303838303030303031", eid.ErrSubjectNumber},
		{"123456789", eid.ErrSubjectNumber}, {"123.456.789", eid.ErrSubjectNumber}, {"CMND-123456789", eid.ErrSubjectNumber}, {"MTIzNDU2Nzg5", eid.ErrSubjectNumber},
		{"B1234567", eid.ErrSubjectNumber}, {"b1234567", eid.ErrSubjectNumber}, {"B 1234567", eid.ErrSubjectForm}, {"B-1234567", eid.ErrSubjectNumber},
		{"AB1234567", eid.ErrSubjectNumber}, {"E12345678", eid.ErrSubjectNumber}, {"passport:B1234567", eid.ErrSubjectNumber},
	} {
		err := eid.CheckOldSubject(tt.text)
		if !errors.Is(err, tt.want) {
			t.Errorf("CheckOldSubject(%q) = %v, want %v", tt.text, err, tt.want)
		}
		if len(tt.text) > 3 && err != nil && strings.Contains(err.Error(), tt.text) {
			t.Errorf("the error repeats %q", tt.text)
		}
	}
}

// Whatever stands between its digits, a personal number is none.
func FuzzCheckOldSubject(f *testing.F) {
	f.Add(uint64(1088000001), "-", "x:")
	f.Add(uint64(96599999999), ".", "")
	f.Fuzz(func(t *testing.T, n uint64, between, before string) {
		if strings.ContainsFunc(between, func(r rune) bool {
			return r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '%')
		}) {
			return
		}
		digits := fmt.Sprintf("%012d", n%96_599_999_999)
		if eid.CheckOldSubject(strings.Join(strings.Split(digits, ""), between)) == nil {
			t.Errorf("digits of a number with %q between them pass", between)
		}
		if digits[3] <= '5' && digits[:3] != "000" && !strings.ContainsFunc(before, func(r rune) bool { return r >= '0' && r <= '9' }) &&
			strings.Trim(before, "abcdefABCDEF") != "" && eid.CheckOldSubject(before+digits) == nil {
			t.Errorf("a number behind %q passes", before)
		}
	})
}
