package doctor

// Leaked says whether the list of leaked passwords can be searched, by the error of who
// opened it. A gateway that runs keeps the list that it has; it does not start without.
func Leaked(path string, err error) []Finding {
	if err != nil {
		return []Finding{fault("put a list there that the gateway's user may read, by renaming, or take the key out of the configuration",
			"the list of leaked passwords at %s cannot be used: %v", path, bare(err))}
	}
	return []Finding{ok("%s", path)}
}
