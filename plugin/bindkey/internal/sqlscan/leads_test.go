package sqlscan

import "testing"

// A word that is longer than longestLead would never be found.
func TestLeadWords(t *testing.T) {
	longest := 0
	for word := range leadWords {
		if longest < len(word) {
			longest = len(word)
		}
		if leadOf(word).word != word {
			t.Errorf("%s is not found", word)
		}
	}
	if longest != longestLead {
		t.Errorf("the longest word has %d bytes, and longestLead is %d", longest, longestLead)
	}
}
