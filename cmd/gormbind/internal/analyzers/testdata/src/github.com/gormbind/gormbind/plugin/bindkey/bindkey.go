// Package bindkey has what the analyzers look for in the plugin.
package bindkey

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

type (
	Plugin struct{}
	Option func() error
)

var AllowCrossBind any

func AfterCommit(tx *gorm.DB, fn func(context.Context) error) error { return nil }
func Default(key string) Option                                     { return nil }
func Models(models ...any) Option                                   { return nil }
func New(options ...Option) *Plugin                                 { return nil }
func Strict() Option                                                { return nil }
func TagName(name string) Option                                    { return nil }
func Tomorrow() Option                                              { return nil }
func Use(key string) any                                            { return nil }

func (p *Plugin) Check(models ...any) error { return nil }
func (p *Plugin) Register(key string, config dbresolver.Config, data ...any) *Plugin {
	return p
}
