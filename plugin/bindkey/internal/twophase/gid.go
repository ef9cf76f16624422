// Package twophase is two-phase commit but for the transaction itself: the ids of
// transactions, the table of decisions, and recovery. It knows database/sql, and no
// GORM.
//
// # Why it is safe
//
// One database, the decider, has the table of decisions, whose key is the id of a
// transaction. All other branches prepare; then the coordinator inserts C (commit) in
// the decider's own branch, and commits that.
//
//  1. A row is never changed, and inserted once: the key is unique. So whoever inserts
//     first decides, and all others read it.
//  2. The coordinator commits a prepared branch only once it knows that the row C is
//     committed. Recovery does so only when it has read the row C.
//  3. Either rolls a prepared branch back only once it knows that there is no row C and
//     will be none: the coordinator before it has sent COMMIT to the decider, or when
//     the row is A (abort); recovery when the row is A, which it inserts if there is none.
//  4. So time limits say when recovery looks at a branch, and never what it does.
//  5. A row is deleted only when it is older than anybody who may still ask for it, and
//     no database of its transaction lists a prepared branch that has its id. It is
//     read before the lists are: a branch is prepared before C is committed, so that a
//     row without a listed branch has none any more.
//  6. Ids hold the name of the decider's table (its store). Recovery leaves alone what
//     was begun with another table, of which it knows nothing.
package twophase

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// MaxApp is how long the name of an application may be, in bytes.
const MaxApp = 24

const (
	storeLength  = 8
	randomLength = 16
	digits       = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's base 32 sorts as its values do
)

var (
	appName   = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	plainKey  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)
	base32low = base32.NewEncoding(digits).WithPadding(base32.NoPadding)
)

// CheckApp is what is wrong with an application's name.
func CheckApp(app string) error {
	if !appName.MatchString(app) || len(app) > MaxApp {
		return fmt.Errorf("the application's name %q is not of 1 to %d letters, digits, \"-\" and \"_\" of ASCII", app, MaxApp)
	}
	return nil
}

// Prefix is how all ids of an application begin.
func Prefix(app string) string { return "gb1:" + app + ":" }

// NewGID is an id that no transaction has had: its time, in milliseconds since 1970,
// and 80 random bits. It is 64 bytes at most, and safe in a literal.
func NewGID(app, store string, now time.Time) string {
	var when [10]byte
	for i, ms := len(when)-1, uint64(now.UnixMilli()); i >= 0; i, ms = i-1, ms>>5 {
		when[i] = digits[ms&31]
	}
	return Prefix(app) + store + ":" + string(when[:]) + random(randomLength)
}

func random(length int) string {
	bytes := make([]byte, (length*5+7)/8)
	if _, err := rand.Read(bytes); err != nil {
		panic(err) // without random numbers, ids would be used twice
	}
	return base32low.EncodeToString(bytes)[:length]
}

// storeOf is the store in an id, and the time of its transaction's begin.
func storeOf(gid string) (store string, began time.Time, ok bool) {
	rest := gid[strings.LastIndexByte(gid, ':')+1:]
	parts := strings.Split(gid, ":")
	if len(parts) != 4 || len(parts[2]) != storeLength || len(rest) != 10+randomLength {
		return "", time.Time{}, false
	}
	var ms int64
	for _, digit := range rest[:10] {
		value := strings.IndexRune(digits, digit)
		if value < 0 {
			return "", time.Time{}, false
		}
		ms = ms<<5 | int64(value)
	}
	return parts[2], time.UnixMilli(ms), true
}

// Qualifier names the branch of a bind: its key, or a hash of a key that is long or has
// other characters.
func Qualifier(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "h_" + base32low.EncodeToString(sum[:])[:32]
}
