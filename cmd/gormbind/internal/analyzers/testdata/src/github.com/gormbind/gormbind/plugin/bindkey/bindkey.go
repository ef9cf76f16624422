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
	Open   func(context.Context, string) (dbresolver.Config, error)

	TenantOption func() error
)

var AllowCrossBind any

func AfterCommit(tx *gorm.DB, fn func(context.Context) error) error { return nil }
func Default(key string) Option                                     { return nil }
func Models(models ...any) Option                                   { return nil }
func New(options ...Option) *Plugin                                 { return nil }
func Strict() Option                                                { return nil }
func TagName(name string) Option                                    { return nil }
func TenantData(data ...any) TenantOption                           { return nil }
func Tenants(key string, open Open, options ...TenantOption) Option { return nil }
func Tomorrow() Option                                              { return nil }
func Use(key string) any                                            { return nil }

func (p *Plugin) Check(models ...any) error { return nil }
func (p *Plugin) Register(key string, config dbresolver.Config, data ...any) *Plugin {
	return p
}
func (p *Plugin) RegisterTenants(key string, open Open, options ...TenantOption) *Plugin {
	return p
}
