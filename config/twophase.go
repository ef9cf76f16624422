package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gormbind/gormbind/plugin/bindkey"
)

// A phaseSetting is one of two_phase, which is of the program and not of a bind.
type phaseSetting struct {
	name string
	kind kind
	doc  string
	none string // what holds without it
	read func(*bindkey.TwoPhaseConfig, string) error
}

const kindName kind = "a name"

// phaseSettings is the table, in the order of the documents.
var phaseSettings = []phaseSetting{
	{"app", kindName, "The program's name, in the ids of its transactions: 1 to 24 letters, digits, `-` and `_`. All its processes have one.", "a mistake",
		func(c *bindkey.TwoPhaseConfig, text string) error { c.App = text; return nil }},
	{"decider", kindName, "The bind whose database has the decisions.", "the default bind, `main`",
		func(c *bindkey.TwoPhaseConfig, text string) error { c.Decider = text; return nil }},
	{"grace", kindDuration, "How old a prepared branch must be before recovery looks at it.", "1m",
		func(c *bindkey.TwoPhaseConfig, text string) (err error) { c.Grace, err = duration(text); return err }},
	{"every", kindDuration, "How often the program recovers by itself, with some jitter; `never`: it does not.", "1m",
		func(c *bindkey.TwoPhaseConfig, text string) (err error) {
			if text == "never" {
				c.Every = -1
				return nil
			}
			c.Every, err = duration(text)
			return err
		}},
	{"keep", kindDuration, "How long a decision is kept at least.", "1h",
		func(c *bindkey.TwoPhaseConfig, text string) (err error) { c.Keep, err = duration(text); return err }},
}

// TwoPhase is what the file says in two_phase, and whether it says anything.
func (c *Config) TwoPhase() (bindkey.TwoPhaseConfig, bool) {
	if c.twoPhase == nil {
		return bindkey.TwoPhaseConfig{}, false
	}
	return *c.twoPhase, true
}

// twoPhase reads two_phase.
func (r *fileReader) twoPhase(value *yaml.Node) {
	r.Config.twoPhase = &bindkey.TwoPhaseConfig{}
	r.pairs(value, "\"two_phase\"", func(name, value *yaml.Node) {
		for _, s := range phaseSettings {
			if s.name != name.Value {
				continue
			}
			if value = target(value); value.Kind != yaml.ScalarNode || value.Tag == "!!null" || isEmpty(value.Value) {
				r.mistake(value, "%s of \"two_phase\" is not one value (%s); give it one, or remove it", s.name, s.kind)
				return
			}
			text, err := r.expand(value.Value)
			if err == nil {
				err = s.read(r.Config.twoPhase, text)
			}
			if err != nil {
				r.mistake(value, "%s of \"two_phase\": %v", s.name, err)
			}
			return
		}
		var names []string
		for _, s := range phaseSettings {
			names = append(names, s.name)
		}
		r.mistake(name, "\"two_phase\" has a setting that is not known; the settings are %s", strings.Join(names, ", "))
	})
}

// checkTwoPhase finds what is wrong once all binds are known.
func (c *Config) checkTwoPhase() (mistakes []error) {
	two := c.twoPhase
	if two == nil {
		return nil
	}
	if two.App == "" {
		mistakes = append(mistakes, &FileError{Path: c.file, text: "\"two_phase\" has no app; give it the program's name"})
	}
	if two.Decider != "" {
		if _, err := c.Dialector(two.Decider); err != nil {
			mistakes = append(mistakes, fmt.Errorf("config: %s: decider of \"two_phase\": %w", c.file, err))
		}
	}
	if two.Keep != 0 && two.Keep < time.Minute {
		mistakes = append(mistakes, &FileError{Path: c.file, Err: errors.New("short"), text: "keep of \"two_phase\" is shorter than a minute; a coordinator may still ask for its decision"})
	}
	return mistakes
}
