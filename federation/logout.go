package federation

import "context"

// LogoutSource is a Source whose own session can be ended as well.
type LogoutSource interface {
	// Logout gives the address that ends the browser's session at the source. It
	// is empty, without an error, where the source offers none. Calling it ends
	// nothing: the browser has to go there.
	Logout(ctx context.Context, req LogoutRequest) (redirect string, err error)
}

// LogoutRequest is what a source needs in order to send the browser back.
type LogoutRequest struct {
	// Return is the absolute address of ours to come back to, as registered at
	// the source.
	Return string
	// State is opaque and random; it comes back as the parameter state.
	State string
}
