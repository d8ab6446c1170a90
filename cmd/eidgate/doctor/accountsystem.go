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

// Reach says by which ways codes of an activation and first passwords go to who has no
// account yet.
func Reach(sms, email bool) []Finding {
	switch {
	case sms && email:
		return []Finding{ok("activations and first passwords go by SMS and by e-mail")}
	case sms:
		return []Finding{ok("activations and first passwords go by SMS alone")}
	case email:
		return []Finding{ok("activations and first passwords go by e-mail alone")}
	}
	return []Finding{warning("name who sends SMS in notify.sms, or a mail server in notify.smtp, then try it with `eidgate notices test`",
		"nobody new reaches an account, and nobody who forgot a password comes back: codes and first passwords go by SMS or e-mail, and neither can be sent")}
}
