package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"eidgate/eid"
	"eidgate/federation"
	"eidgate/store"
)

// errOver reports that a source ended its session while we were making ours.
var errOver = errors.New("session at the source is over")

// watch lets notices of the source find the session that has just been proved.
// Where one came meanwhile, ours is over as well: errOver.
func (p *Provider) watch(ctx context.Context, f *flow, w way, a federation.Assertion, ref string) error {
	// The trail is laid once the session is there, and the look at what was said
	// comes with it in one step: a notice finds the trail, or is found here.
	over, err := p.layTrail(ctx, &w.src, a, f, w.begun, ref)
	if err != nil || !over {
		return err
	}
	e := ending{why: endedUpstream, source: w.src.ID, client: f.login.Request.Client, ref: ref}
	if _, err := p.endSession(ctx, f.browser, e); err != nil && !errors.Is(err, errGone) {
		return err
	}
	return errOver
}

// takeOnce uses up an assertion that counts once, whichever replica has it.
func (p *Provider) takeOnce(ctx context.Context, src *eid.Source, a federation.Assertion) error {
	if a.Once == "" {
		return nil
	}
	left := a.OnceUntil.Sub(p.deps.Now())
	if left <= 0 || left > store.MaxTTL {
		return fmt.Errorf("source %s: an assertion that counts once is past its end, or has none: %w", src.ID, federation.ErrUntrusted)
	}
	err := p.applyAll(ctx, "once:"+src.ID, store.PutIfAbsent(hashText(a.Once), []byte{1}, left))
	if errors.Is(err, errGone) {
		return fmt.Errorf("source %s: an assertion came twice: %w", src.ID, federation.ErrUntrusted)
	}
	if err != nil {
		return fmt.Errorf("marking an assertion: %w", err)
	}
	return nil
}

// maxLogoutMemory bounds what a source may have kept for its logout, in bytes: a
// session holds several.
const maxLogoutMemory = 2 << 10

// sealLogout hides what a source wants again at its logout.
func (p *Provider) sealLogout(proof federation.Proof, memory []byte) ([]byte, error) {
	if len(memory) == 0 {
		return nil, nil
	}
	if len(memory) > maxLogoutMemory {
		return nil, fmt.Errorf("source %s: %d bytes for its logout, at most %d", proof.Source, len(memory), maxLogoutMemory)
	}
	sealed, err := p.deps.Sealer.Seal(memory, logoutContext(proof))
	if err != nil {
		return nil, fmt.Errorf("sealing what a logout wants: %w", err)
	}
	return sealed, nil
}

// openLogout finds what a source wants at its logout: of the last sign-in there.
func (p *Provider) openLogout(s session, source string) ([]byte, error) {
	var last federation.Proof
	for _, proof := range s.Proofs {
		if proof.Source == source {
			last = proof
		}
	}
	if len(last.Logout) == 0 {
		return nil, nil
	}
	memory, err := p.deps.Sealer.Open(last.Logout, logoutContext(last))
	if err != nil {
		return nil, fmt.Errorf("opening what a logout wants: %w", err)
	}
	return memory, nil
}

// logoutContext binds it to one sign-in.
func logoutContext(proof federation.Proof) string {
	return "logout at source/" + proof.Source + "/" + proof.Login + "/" + proof.At.UTC().Format(time.RFC3339Nano)
}
