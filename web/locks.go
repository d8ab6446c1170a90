package web

// MyLockData is page "me_lock": the holder locks the account, or has done so.
type MyLockData struct {
	Common
	Done bool
}

func (MyLockData) page() string { return "me_lock" }
