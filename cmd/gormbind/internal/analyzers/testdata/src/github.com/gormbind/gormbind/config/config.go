// Package config has what the analyzers look for in the configuration.
package config

type (
	Config struct{}
	Option func(*Config) error
)

func Bind(key, defaultURL string) Option                { return nil }
func Load(options ...Option) (*Config, error)           { return nil, nil }
func Tenants(key string, check, option any) Option      { return nil }
func (*Config) DatabasesOf(...string) ([]string, error) { return nil, nil }
func (*Config) Tenanted() []string                      { return nil }
func (*Config) TwoPhase() (any, bool)                   { return nil, false }
func Tomorrow() (*Config, error)                        { return nil, nil }
