package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// File reads the binds and their settings from a YAML file:
//
//	binds:
//	  main:
//	    url: postgres://app:${MAIN_PASSWORD}@db1/app
//	  analytics:
//	    url: mysql://app:${ANALYTICS_PASSWORD}@db2/analytics
//	    replica_urls: [mysql://app:${ANALYTICS_PASSWORD}@db3/analytics]
//	    max_open_conns: 20
//
// ${NAME} in a value is the variable NAME, as it stands: what a URL would read
// otherwise must be escaped in it. A variable that is not set, or empty, is a
// mistake. $$ is a dollar sign.
//
// The binds are those of the file then, main, and those of [Bind]; there are no
// default URLs but those of Bind. A bind's own variables take the place of what
// the file says.
func File(path string) Option {
	return func(c *Config) error {
		if path == "" {
			return errors.New("config: option File: the path is empty")
		}
		c.file = path
		return nil
	}
}

// A FileError says what is wrong with the file itself. It quotes nothing of it.
type FileError struct {
	Path string
	Line int // or 0
	Err  error

	text string
}

func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("config: %s:%d: %s", e.Path, e.Line, e.text)
	}
	return fmt.Sprintf("config: %s: %s", e.Path, e.text)
}

// Unwrap returns what reading the file returned, or nil.
func (e *FileError) Unwrap() error { return e.Err }

var (
	bindName = regexp.MustCompile(`^[\pL\pN_.-]+$`)

	errEmpty   = errors.New("empty")
	errUnknown = errors.New("unknown setting")
)

// A fileReader reads one file into a Config, and keeps the mistakes.
type fileReader struct {
	*Config
	mistakes []error
}

func (r *fileReader) mistake(at *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, &FileError{Path: r.file, Line: at.Line, text: fmt.Sprintf(format, args...)})
}

func (c *Config) readFile() []error {
	c.forgetDefaults()
	text, err := os.ReadFile(c.file)
	if err != nil {
		var failed *os.PathError
		if errors.As(err, &failed) {
			return []error{&FileError{Path: c.file, Err: err, text: failed.Err.Error()}}
		}
		return []error{&FileError{Path: c.file, Err: err, text: err.Error()}}
	}
	r := &fileReader{Config: c}
	var document yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	switch err := decoder.Decode(&document); {
	case err == io.EOF:
		return []error{&FileError{Path: c.file, text: "it is empty; it begins with \"binds:\""}}
	case err != nil:
		return []error{&FileError{Path: c.file, Err: err, text: syntaxError(err)}}
	}
	r.root(document.Content[0])
	if err := decoder.Decode(new(yaml.Node)); err != io.EOF {
		r.mistakes = append(r.mistakes, &FileError{Path: c.file, text: "it has more than one document; write all binds under one \"binds:\""})
	}
	return r.mistakes
}

var quoting = regexp.MustCompile("[`'\"]")

// syntaxError is yaml's text, without what quotes the file.
func syntaxError(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if at := quoting.FindStringIndex(text); at != nil {
		line, _, found := strings.Cut(text, ":")
		if text = "it is not valid YAML"; found && strings.HasPrefix(line, "line ") {
			text += ", at " + line
		}
		text += "; put values with special characters in quotes"
	}
	return text
}

// forgetDefaults leaves main, without a URL, and what options have asked for.
func (c *Config) forgetDefaults() {
	var kept []*bind
	for i, b := range c.binds {
		if b.builtIn {
			b.url = ""
		}
		if i == 0 || !b.builtIn {
			kept = append(kept, b)
		}
	}
	c.binds = kept
}

func (r *fileReader) root(root *yaml.Node) {
	found := false
	r.pairs(root, "the file", func(name, value *yaml.Node) {
		switch name.Value {
		case "binds":
			found = true
			r.pairs(value, "\"binds\"", r.bind)
		case "two_phase":
			r.twoPhase(value)
		default:
			r.mistake(name, "the file has nothing but \"binds\" and \"two_phase\" at its left margin")
		}
	})
	if !found && root.Kind == yaml.MappingNode {
		r.mistake(root, "it has no \"binds\"")
	}
}

func (r *fileReader) bind(name, value *yaml.Node) {
	if !bindName.MatchString(name.Value) {
		r.mistake(name, "a bind key has a character that is no letter, digit, \"-\", \"_\" or \".\"") // not shown: it may be a URL
		return
	}
	b, err := r.bindFor(name.Value)
	if err != nil {
		r.mistakes = append(r.mistakes, err)
		return
	}
	r.pairs(value, fmt.Sprintf("bind %q", b.key), func(name, value *yaml.Node) {
		s, known := settingNamed(name.Value)
		if !known {
			// The name is not shown: in a wrong place it may be a value.
			r.mistake(name, "bind %q has a setting that is not known; the settings are %s", b.key, strings.Join(settingNames(), ", "))
			return
		}
		b.given[s.name] = r.values(b, s, value)
	})
}

func settingNames() (names []string) {
	for _, s := range allSettings {
		names = append(names, s.name)
	}
	return names
}

// values are those of a setting; only URLs may be several.
func (r *fileReader) values(b *bind, s setting, value *yaml.Node) (values []given) {
	value = target(value)
	items := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode && s.kind == kindURLs {
		items = value.Content
	}
	if len(items) == 0 {
		r.mistake(value, "%s of bind %q is empty; give it a value, or remove it", s.name, b.key)
	}
	for _, item := range items {
		item = target(item)
		one := given{origin: fmt.Sprintf("%s:%d: %s", r.file, item.Line, s.name)}
		var err error
		switch {
		case item.Kind != yaml.ScalarNode:
			err = fmt.Errorf("it is not one value (%s)", s.kind)
		case item.Tag == "!!null" || isEmpty(item.Value):
			err = errors.New("it is empty; give it a value, or remove it")
		default:
			one.text, err = r.expand(item.Value)
		}
		if err != nil {
			one.bad = true
			r.mistakes = append(r.mistakes, &SettingError{Key: b.key, Setting: s.name, Origin: one.origin, Err: err, text: err.Error()})
		}
		values = append(values, one)
	}
	if value.Kind == yaml.ScalarNode && s.kind == kindURLs && !values[0].bad {
		return splitURLs(values[0].origin, values[0].text) // as in a variable, which it may be
	}
	return values
}

// pairs calls each for the pairs of a mapping, with those that "<<" merges into it.
func (r *fileReader) pairs(node *yaml.Node, what string, each func(name, value *yaml.Node)) {
	node = target(node)
	if node.Kind != yaml.MappingNode {
		r.mistake(node, "%s is no list of names with values; write \"name: value\", one a line and indented", what)
		return
	}
	own := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i < len(node.Content); i += 2 {
		name, value := node.Content[i], target(node.Content[i+1])
		switch {
		case name.Tag == "!!merge":
			merged = append(merged, value)
		case name.Kind != yaml.ScalarNode:
			r.mistake(name, "%s has a name that is no text", what)
		case own[name.Value]:
			r.mistake(name, "%s has a name twice", what)
		default:
			own[name.Value] = true
			each(name, value)
		}
	}
	for _, from := range merged {
		if from.Kind != yaml.MappingNode {
			r.mistake(from, "%s merges what is no list of names with values", what)
			continue
		}
		for i := 0; i < len(from.Content); i += 2 {
			name, value := from.Content[i], from.Content[i+1]
			if name.Tag == "!!merge" {
				r.mistake(name, "%s merges what merges something itself; that is not read", what)
			} else if !own[name.Value] {
				own[name.Value] = true
				each(name, value)
			}
		}
	}
}

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

var placeholder = regexp.MustCompile(`\$\$|\$\{([^}]*)\}?`)
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand puts variables in the places of ${NAME}, after YAML has been read: no
// value can change the file's structure. What follows "${" is shown only where it
// is a name and not closed otherwise.
func (c *Config) expand(text string) (string, error) {
	var problem error
	expanded := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$$" {
			return "$"
		}
		name := strings.TrimSuffix(found[2:], "}")
		if !strings.HasSuffix(found, "}") || !variableName.MatchString(name) {
			problem = errors.New("it has \"${\" without the name of a variable and \"}\"; write $$ for a dollar sign")
			return ""
		}
		value, set := c.lookup(name)
		if !set || value == "" {
			problem = errors.Join(problem, fmt.Errorf("the variable %s is not set, or empty", name))
		}
		c.expanded[name] = true
		return value
	})
	if problem != nil {
		return "", errors.New(strings.ReplaceAll(problem.Error(), "\n", ", and "))
	}
	return expanded, nil
}
