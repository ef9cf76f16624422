package config_test

import (
	"fmt"
	"math/rand"
	"net/url"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormbind/gormbind/config"
	"github.com/gormbind/gormbind/internal/sqlitedb/sqliteurl"
	"github.com/gormbind/gormbind/internal/testkit"
)

// keeper is an opener that keeps the URLs that it is given.
func keeper(urls *[]string) config.Opener {
	return func(rawURL string) (gorm.Dialector, error) {
		*urls = append(*urls, rawURL)
		return sqliteurl.Open("sqlite://")
	}
}

// A secret is in no error and in no String, in whatever setting it stands, and
// however wrong that is: as it is, in a URL, escaped, cut by YAML's own signs.
func TestNoSecretInErrorsAndString(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	rounds := 400
	if testkit.Full() {
		rounds = 10000
	}
	names := []string{"url"}
	for _, test := range settingCases {
		names = append(names, test.name)
	}
	failed, opened := 0, 0
	for i := 0; i < rounds; i++ {
		core := fmt.Sprintf("Hunter%dSecret", random.Int63())
		secret := core
		for _, sign := range []string{"@", "/", ":", "#", "?", "%", "$", "${", "&", "*", "!", "{", "[", "'", "\"", " ", ",", "://", "%zz", "\\", "\t"} {
			if random.Intn(8) == 0 {
				at := random.Intn(2) * len(secret)
				secret = secret[:at] + sign + secret[at:]
			}
		}
		user := "://app:" + secret
		escaped := "://app:" + url.QueryEscape(secret)
		value := pick(random, secret, "db"+user+"@host/main", "sqlite"+user+"@host/main", "oracle"+user+"@db/x", "db"+escaped+"@host/main", "limited"+escaped+"@host/main",
			"limited://host/main?password="+url.QueryEscape(secret), "db"+user, "sqlite:///a.db?_auth_pass="+secret, "${SECRET}", "limited://app:${SECRET}@host/main", "limited://host sqlite"+user)
		name := pick(random, names...)
		if random.Intn(3) == 0 {
			name = pick(random, "url", "replica_urls")
		}
		options := []config.Option{limited(), dialects()}
		variables := map[string]string{"SECRET": secret, "MAIN_DB_URL": "sqlite://", "ANALYTICS_DB_URL": "limited://host"}
		if random.Intn(2) == 0 {
			variables["ANALYTICS_DB_LOCK_TIMEOUT"] = "1s"
		}
		if random.Intn(3) == 0 {
			variables["ANALYTICS_DB_"+strings.ToUpper(name)] = value
		} else {
			delete(variables, "ANALYTICS_DB_URL")
			line := pick(random, name+": "+value, fmt.Sprintf("%s: %q", name, value), name+": '"+value+"'", value, value+": "+value, name+": ["+value+"]", name+": {"+value+"}", name+": &"+secret+" *"+secret)
			base := "url: limited://host\n    "
			if name == "url" {
				base = ""
			}
			options = append(options, file(t, "binds:\n  main:\n    url: sqlite://\n  analytics:\n    "+base+line+"\n"))
		}
		c, err := config.Load(append(options, env(variables))...)
		shown := fmt.Sprint(err)
		if err == nil {
			opened++
			shown = fmt.Sprintf("%v %+v %#v %v %#v", c, c, c, *c, *c)
		} else {
			failed++
		}
		if strings.Contains(shown, core) {
			t.Fatalf("round %d: %q of %s is told: %s", i, value, name, shown)
		}
	}
	if failed < rounds/4 || opened < rounds/20 {
		t.Errorf("%d failed and %d were opened of %d: the cases are not what they should be", failed, opened, rounds)
	}
}

func pick(random *rand.Rand, from ...string) string { return from[random.Intn(len(from))] }
