package doctor

import (
	"errors"

	"eidgate/eid"
	"eidgate/eid/credential"
)

// Passkeys says which host they belong to. carries is the level that one carries.
func Passkeys(issuer string, carries eid.Level) []Finding {
	if carries == eid.LevelNone {
		return []Finding{ok("switched off by account_system.methods.passkey")}
	}
	host, err := credential.RPID(issuer)
	switch {
	case errors.Is(err, credential.ErrNoPasskeys):
		return []Finding{warning("give the issuer the host name that it keeps for good, before people come; on one machine, http://localhost and a port", "browsers have none: the issuer is an IP address")}
	case err != nil:
		return []Finding{fault("mend issuer", "%v", err)}
	}
	return []Finding{ok("they belong to %s: under another host no browser finds them any more", host)}
}
