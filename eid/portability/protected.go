package portability

// Protected is a value as a spreadsheet does not run it (CWE-1236). An import takes
// that off again.
func Protected(s string) string { return protected(s) }
