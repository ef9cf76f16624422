package sqlscan

import "strings"

// knownCalls are MySQL's functions that write nothing, which a program can't replace by its
// own, and words that stand before a parenthesis.
var knownCalls = map[string]bool{}

func init() {
	for _, word := range strings.Fields(`and or not in exists any all some as by on using from where when then else case select distinct having limit offset between like is
		union intersect except values over partition with join interval
		count sum min max avg coalesce ifnull nullif isnull if abs round floor ceil ceiling mod lower upper trim ltrim rtrim length char_length substr substring concat
		concat_ws replace group_concat cast convert date time now current_timestamp curdate year month day date_format unix_timestamp
		json_extract json_object json_array hex unhex row_number rank dense_rank lag lead greatest least database version last_insert_id`) {
		knownCalls[word] = true
	}
}

// CallsUnknown reports whether a text calls a function that may write, as a stored one
// does. In doubt it is one: the branch is then prepared in vain.
func CallsUnknown(text string) bool {
	for at := 0; ; at++ {
		next := strings.IndexByte(text[at:], '(')
		if next < 0 {
			return false
		}
		at += next
		before := strings.TrimRight(text[:at], " \t\r\n\f\v")
		start := len(before)
		for start > 0 && isWord(before[start-1]) {
			start--
		}
		if word := before[start:]; word != "" && !knownCalls[strings.ToLower(word)] || strings.HasSuffix(before, "*/") || strings.HasSuffix(before, "`") || strings.HasSuffix(before, `"`) {
			return true
		}
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c == '.' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
