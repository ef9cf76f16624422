package config

// WithDriver is Register for one Load.
func WithDriver(d Driver) Option {
	return func(c *Config) error {
		for _, scheme := range d.Schemes {
			c.openers[scheme], c.limits[scheme] = d.Open, d.Limit
		}
		return nil
	}
}

// SQLiteOfBuild is what opens the scheme sqlite, before tests without cgo bring a driver.
var SQLiteOfBuild = sqliteOfBuild
