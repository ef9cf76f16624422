//go:build !linux

package servers

import "errors"

func startPostgres(string, string, int) (func() error, error) {
	return nil, errors.New("only on Linux a server of one's own is started; give max_prepared_transactions to the one of tests")
}

func freePort() (int, error) { return 0, nil }
