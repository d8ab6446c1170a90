package web

// LogoutData is page "logout": whether to sign out, and of what.
type LogoutData struct {
	Common
	Portals []Label // names of the services that are signed in to
}

// LoggingOutData is page "loggingout": the portals are being told. The page
// moves on by Page.Refresh and needs their origins in Page.FrameSrc.
type LoggingOutData struct {
	Common
	Portals []Label  // names of the services that are being told
	Frames  []string // addresses to load (OpenID Connect Front-Channel Logout §3)
	Next    string   // address to go on to
}

// LoggedOutData is page "loggedout". It names nobody: the next person at this
// browser may read it.
type LoggedOutData struct {
	Common
	NotTold  []Label // names of the services that could not be told
	Back     string  // address to leave to; may be empty
	BackName Label   // its name; may be empty
}
