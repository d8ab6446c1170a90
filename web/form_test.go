package web

import "testing"

func TestGroupNumber(t *testing.T) {
	tests := []struct{ typed, want string }{
		{"000000000001", "000 000 000 001"},
		{"000.000.000-001", "000 000 000 001"},
		{" 000 000 000\u00a0001 ", "000 000 000 001"},
		{"", ""},
		{"00000000001", "00000000001"},
		{"0000000000012", "0000000000012"},
		{"00000000000a", "00000000000a"},
		{"٠٠٠٠٠٠٠٠٠٠٠١", "٠٠٠٠٠٠٠٠٠٠٠١"},
		{"<b>", "<b>"},
	}
	for _, tt := range tests {
		if got := groupNumber(tt.typed); got != tt.want {
			t.Errorf("groupNumber(%q) = %q, want %q", tt.typed, got, tt.want)
		}
	}
}

func TestTail(t *testing.T) {
	for masked, want := range map[string]string{"••• ••• ••• 789": "789", "•••": "•••", "": ""} {
		if got := tail(masked); got != want {
			t.Errorf("tail(%q) = %q, want %q", masked, got, want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	for problem, want := range map[string]int{"": 200, ProblemBusy: 503, ProblemSame: 422, ProblemOfPassword("leaked"): 422} {
		if got := StatusOf(problem); got != want {
			t.Errorf("StatusOf(%q) = %d, want %d", problem, got, want)
		}
	}
}
