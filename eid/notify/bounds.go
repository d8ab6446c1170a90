package notify

// Hourly bounds the SMS of an hour, from all processes together.
type Hourly struct {
	All    int
	Abroad int // of these: to numbers of other countries; 0: to none
}

// StandardHourly is what a gateway without a word on it sends.
func StandardHourly() Hourly { return Hourly{All: 3000, Abroad: 100} }
