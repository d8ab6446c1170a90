package config

// Rules are the dated rule sets. Those of the decisions and decrees come with the program.
type Rules struct {
	// A directory of further rule sets, a JSON file each. A file with the id of one that
	// comes with the program stands in its place.
	Directory string `koanf:"directory"`
}
