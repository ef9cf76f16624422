package config

import _ "embed"

//go:embed binds.schema.json
var schema []byte

// Schema is the JSON schema of the file that [File] reads, for editors and for
// checks before a program is deployed. It is binds.schema.json beside this file.
func Schema() []byte { return append([]byte(nil), schema...) }
