// Package binddebug is an HTTP handler that shows an operator the databases of a program:
// which model lives where, how full each connection pool is, and whether each database
// answers.
//
//	http.Handle("/debug/binds", &binddebug.Handler{Plugin: plugin})
//
// It is a page for browsers, without a script, and JSON for programs: with ?format=json, or
// where Accept asks for application/json before HTML. There is nothing secret on it: no DSN, no
// password, no row. But it tells the names of models and tables, and each request pings every
// database, so protect its path as you protect /debug/pprof.
package binddebug

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strings"
	"time"

	_ "embed"

	"github.com/gormbind/gormbind/plugin/bindkey"
	"github.com/gormbind/gormbind/plugin/bindmap"
)

// A Handler serves the page. Its fields are not changed once it serves.
type Handler struct {
	Plugin *bindkey.Plugin // installed, by the time of the first request
	// PingTimeout is how long all databases together may take to answer. Zero is
	// DefaultPingTimeout.
	PingTimeout time.Duration
}

// DefaultPingTimeout is how long databases may take to answer by default.
const DefaultPingTimeout = 2 * time.Second

// A Report is what the page shows, and what the JSON is.
type Report struct {
	OK    bool        `json:"ok"` // every database answers
	Pools []Pool      `json:"pools"`
	Map   bindmap.Map `json:"map"`
}

// A Pool is one connection pool, or a bind that is not open yet.
type Pool struct {
	Key    string   `json:"key"`
	Role   string   `json:"role"`
	Shared []string `json:"shared,omitempty"` // other binds that have the pool
	OK     bool     `json:"ok"`               // its database answers
	Error  string   `json:"error,omitempty"`  // else why not, without what it says of the DSN
	Stats  *Stats   `json:"stats,omitempty"`  // nil: it is not open
}

// Stats are the numbers of [database/sql.DBStats].
type Stats struct {
	MaxOpen           int     `json:"max_open"` // 0: no limit
	Open              int     `json:"open"`
	InUse             int     `json:"in_use"`
	Idle              int     `json:"idle"`
	WaitCount         int64   `json:"wait_count"`
	WaitSeconds       float64 `json:"wait_seconds"`
	MaxIdleClosed     int64   `json:"max_idle_closed"`
	MaxIdleTimeClosed int64   `json:"max_idle_time_closed"`
	MaxLifetimeClosed int64   `json:"max_lifetime_closed"`
}

// Report asks every database for a sign of life, no longer than the context lasts and
// than PingTimeout.
func (h *Handler) Report(ctx context.Context) Report {
	limit := h.PingTimeout
	if limit <= 0 {
		limit = DefaultPingTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	failed := failures(h.Plugin.Ping(ctx))
	report := Report{OK: len(failed) == 0, Pools: []Pool{}, Map: h.Plugin.Map()}
	for _, pool := range h.Plugin.Pools() {
		stats := pool.DB.Stats()
		shown := Pool{Key: pool.Key, Role: pool.Role, Shared: pool.Shared, OK: true, Stats: &Stats{
			MaxOpen: stats.MaxOpenConnections, Open: stats.OpenConnections, InUse: stats.InUse, Idle: stats.Idle,
			WaitCount: stats.WaitCount, WaitSeconds: stats.WaitDuration.Seconds(),
			MaxIdleClosed: stats.MaxIdleClosed, MaxIdleTimeClosed: stats.MaxIdleTimeClosed, MaxLifetimeClosed: stats.MaxLifetimeClosed,
		}}
		for i, one := range failed {
			if one.key == pool.Key && one.role == pool.Role {
				shown.OK, shown.Error, failed[i].told = false, one.text, true
			}
		}
		report.Pools = append(report.Pools, shown)
	}
	for _, one := range failed { // of binds that are not open, and of keys that share a pool
		if !one.told && !shares(report.Pools, one) {
			report.Pools = append(report.Pools, Pool{Key: one.key, Role: one.role, Error: one.text})
		}
	}
	return report
}

// shares reports whether a failure is told already, of the same pool in another bind.
func shares(pools []Pool, of failure) bool {
	for _, pool := range pools {
		for _, key := range pool.Shared {
			if key == of.key && !pool.OK {
				return true
			}
		}
	}
	return false
}

// A failure is a database that does not answer.
type failure struct {
	key, role, text string
	told            bool
}

// failures are the errors that Plugin.Ping joins.
func failures(err error) (found []failure) {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			found = append(found, failures(one)...)
		}
		return found
	}
	one := failure{text: strings.TrimPrefix(err.Error(), "bindkey: ")}
	var ping *bindkey.PingError
	var open *bindkey.OpenError
	switch {
	case errors.As(err, &ping):
		one.key, one.role = ping.Key, ping.Role
	case errors.As(err, &open):
		one.key, one.role = open.Key, open.Role
	}
	return []failure{one}
}

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// ServeHTTP answers GET and HEAD. The status is 200 whether the databases answer or not: what is not
// well is on the page.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	report, asJSON := h.Report(r.Context()), wantsJSON(r)
	var body bytes.Buffer
	kind, err := "text/html; charset=utf-8", error(nil)
	if asJSON {
		kind = "application/json; charset=utf-8"
		out := json.NewEncoder(&body)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	} else {
		err = pageTemplate.Execute(&body, report)
	}
	if err != nil { // a mistake of this package
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	header.Set("Vary", "Accept")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(body.Bytes())
}

// wantsJSON reports whether a request is for JSON: its parameter says so, or else its Accept names
// JSON and no HTML before.
func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	asJSON, asHTML := strings.Index(accept, "application/json"), strings.Index(accept, "text/html")
	return asJSON >= 0 && (asHTML < 0 || asJSON < asHTML)
}
