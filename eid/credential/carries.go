package credential

import (
	"slices"

	"eidgate/eid"
)

// Carries is the highest identity level that a sign-in with these methods of
// the built-in account system can carry (amr values, RFC 8176). A password
// alone is one factor and carries Level 1; with a one-time code beside it, two
// factors carry Level 2 (Decree 69/2024, Art. 20). Anything else carries none.
func Carries(methods []string) eid.Level {
	has := func(f eid.Factor) bool { return slices.Contains(methods, string(f)) }
	switch {
	case slices.Contains(methods, eid.MethodUser) && (slices.Contains(methods, eid.MethodHardwareKey) || slices.Contains(methods, eid.MethodSoftwareKey)):
		return eid.Level2
	case has(eid.Password) && has(eid.OneTimeCode):
		return eid.Level2
	case has(eid.Password):
		return eid.Level1
	}
	return eid.LevelNone
}

// AAL is the authentication strength of a sign-in with these methods of the
// built-in account system (Decree 69/2024, Art. 20): 01 one factor, 02 two.
// Empty where it has no place on that scale.
func AAL(methods []string) string {
	switch Carries(methods) {
	case eid.Level2:
		return "02"
	case eid.Level1:
		return "01"
	}
	return ""
}
