package doctor

import (
	"context"
	"errors"

	"eidgate/keys/pkcs11"
)

// Custody reaches for where keys live beside the database.
func Custody(ctx context.Context, name string, err error, ping func(context.Context) error) []Finding {
	if errors.Is(err, pkcs11.ErrBuild) {
		return []Finding{fault("install a build with PKCS #11: make build TAGS=pkcs11", "%v", err)}
	}
	if err == nil {
		err = ping(ctx)
	}
	if err != nil {
		return []Finding{fault("see to it that it runs, is unsealed, and takes the credential of the configuration; until then nothing is signed with its keys", "%v", err)}
	}
	return []Finding{ok("%s answers and takes our credential", name)}
}
