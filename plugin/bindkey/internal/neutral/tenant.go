package neutral

import (
	"encoding/hex"
	"strings"
)

// A Tenant is what a subquery tells of its context: which tenant of a bind it was built
// for.
type Tenant struct{ Key, Name string }

// Mark is the tenant as a mark. The name may have any bytes, also those that GORM takes
// for a variable.
func (t Tenant) Mark() string {
	return tenantPrefix + hex.EncodeToString([]byte(t.Name)) + ":" + hex.EncodeToString([]byte(t.Key)) + markEnd
}

// WithoutTenants is a text without the marks of tenants, and what they say.
func WithoutTenants(text string) (without string, tenants []Tenant) {
	if !strings.Contains(text, tenantPrefix) {
		return text, nil
	}
	var kept strings.Builder
	for {
		before, mark, rest := nextMark(text)
		kept.WriteString(before)
		switch {
		case mark == "":
			return kept.String(), tenants
		case strings.HasPrefix(mark, tenantPrefix):
			name, key, _ := strings.Cut(mark[len(tenantPrefix):], ":")
			tenants = append(tenants, Tenant{Key: unhex(key), Name: unhex(name)})
		default:
			kept.WriteString(mark + markEnd)
		}
		text = rest
	}
}

func unhex(text string) string {
	decoded, _ := hex.DecodeString(text)
	return string(decoded)
}
